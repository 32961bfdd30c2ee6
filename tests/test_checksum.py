"""Files that end in a digest of their content."""

import errno
import pickle
from pathlib import Path

import pytest

from fastloss._compile.checksum import append, is_whole


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(pickle.dumps([1.5] * 9))
    return path


def test_a_file_with_its_digest_is_whole_and_reads_as_before(file):
    assert not is_whole(file)
    for _ in range(2):  # as if two processes added it
        append(file)
        assert is_whole(file)
        assert pickle.loads(file.read_bytes()) == [1.5] * 9
    assert [path.name for path in file.parent.iterdir()] == ["file"]


def test_every_other_content_is_not_whole(file):
    append(file)
    content = file.read_bytes()
    for k in range(len(content)):
        file.write_bytes(content[:k] + bytes([content[k] ^ 1]) + content[k + 1 :])
        assert not is_whole(file)
        file.write_bytes(content[:k])
        assert not is_whole(file)


def test_a_file_to_which_none_can_be_added_stays_as_it_is(file, monkeypatch):
    def full(path, content):
        path.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    content = file.read_bytes()
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        append(file)
    assert [path.read_bytes() for path in file.parent.iterdir()] == [content]
