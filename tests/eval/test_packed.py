"""Compressed members of .npz files: damaged ones, and keys that are small only while compressed."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from fastloss._evaluate.sources import npy as source
from tests.refused import only_line


@pytest.mark.parametrize("method", ["ZIP_DEFLATED", "ZIP_BZIP2", "ZIP_LZMA"])
def test_damage_in_a_packed_member_is_told(evaluate, method):
    with zipfile.ZipFile("packed.npz", "w", getattr(zipfile, method)) as archive:
        archive.write("pred.npy")
        archive.write("target.npy")
    whole = Path("packed.npz").read_bytes()
    assert evaluate(files=("packed.npz",))[0] == 0
    for start in (38, 42, 47, 1000):  # offsets at the start of the compressed bytes, and one later
        Path("packed.npz").write_bytes(whole[:start] + b"\xff" * 30 + whole[start + 30 :])
        status, *printed = evaluate(files=("packed.npz",))
        assert status == 2
        assert only_line(*printed).startswith("fastloss eval: cannot read packed.npz::pred: ")


def test_keys_of_files_have_a_longest_width(evaluate):
    for width in (1024, 1025):
        np.savez(f"{width}.npz", pred=np.ones(2), target=np.zeros(2), key=np.full(2, "a", f"U{width}"))
    assert evaluate("--by", "key", files=("1024.npz",))[0] == 0
    said = "cannot read 1025.npz::key: its keys have 4,100 bytes each, expected at most 4,096"
    assert evaluate("--by", "key", files=("1025.npz",)) == (2, "", f"fastloss eval: {said}\n")


def test_blocks_of_wide_keys_have_few_rows(monkeypatch, evaluate):
    sizes, coded = [], source.coded
    monkeypatch.setattr(source, "coded", lambda *args: sizes.append(args[0].nbytes) or coded(*args))
    keys = np.full(30_000, "a", "U1024")
    np.savez_compressed("wide.npz", pred=np.ones(keys.size), target=np.zeros(keys.size), key=keys)
    assert evaluate("--by", "key", files=("wide.npz",))[1].split()[-3:] == ["30000", "0.5", "1"]
    assert (sum(sizes), max(sizes)) == (keys.nbytes, 1 << 26)
