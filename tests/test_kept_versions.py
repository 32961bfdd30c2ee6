"""Versions that share a cache, and the command that removes useless entries, but never useful ones."""

import os
import shutil
import time
from pathlib import Path

import pytest

from fastloss.commands import cache as command
from tests.caches import PACKAGE, RIGHT, SERIAL, SETUP, files, run
from tests.subprocesses import run_command

DAY = 24 * 60 * 60
OTHERS = {"fastloss": "fastloss.__version__ = '9.9'", "numba": "import numba; numba.__version__ = '9.9'"}
# Files that are not from Numba for functions of fastloss.
FOREIGN = ["README", "row.mine-50.py311.nbi", "other.f_0123456789abcdef01234567-1.py311.nbi.bak"]


def as_other(name):
    """The start of a process that pretends to have another version of a library."""
    return f"{SETUP}\n{OTHERS[name]}\n"


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A cache that three versions have used, and the files of this version. Copy it, do not change it."""
    cache = tmp_path_factory.mktemp("shared")
    assert run(SERIAL, cache) == [RIGHT, ["huber"]]
    ours = files(cache)
    for name in OTHERS:
        assert run(f"{as_other(name)}report(huber(False))", cache) == [RIGHT, ["huber"]]
    return cache, ours


@pytest.fixture
def cache(shared, tmp_path):
    """A copy of that cache."""
    return shutil.copytree(shared[0], tmp_path / "cache")


def told(cache, *argv):
    """Run a command, and return the line that names a cache."""
    result = run_command(*argv, env={"NUMBA_CACHE_DIR": str(cache)})
    assert (result.returncode, result.stderr) == (0, "")
    return next(line for line in result.stdout.splitlines() if str(cache) in line)


def test_versions_that_share_a_cache_have_kernels_of_their_own(shared):
    cache, ours = shared
    assert {name: found for name, found in files(cache).items() if name in ours} == ours
    assert len(files(cache)) == 3 * len(ours)
    assert run(SERIAL, cache) == [RIGHT, []]
    assert run(f"{as_other('numba')}report(huber(False))", cache) == [RIGHT, []]
    assert len(files(cache)) == 3 * len(ours)


def test_what_other_versions_left_is_told_and_removed(cache, shared):
    (folder,) = cache.glob("_cpu_*")
    for name in FOREIGN:
        (folder / name).write_text("")
    size = sum(size for _, size in files(cache).values())
    ours = sum(size for _, size in shared[1].values())
    useless, kept = f"4 functions, {(size - ours) / 1e6:.1f} MB", f"2 functions, {ours / 1e6:.1f} MB"
    assert told(cache, "info").endswith(
        f"{folder}, 6 functions, {size / 1e6:.1f} MB; `fastloss cache --clean` would remove {useless}"
    )
    assert (
        told(cache, "cache") == f"{folder}: 6 functions, {size / 1e6:.1f} MB; --clean would remove {useless}"
    )
    assert told(cache, "cache", "--clean") == f"{folder}: removed {useless}; kept {kept}"
    assert files(cache).keys() == shared[1].keys() | set(FOREIGN)
    assert told(cache, "info").endswith(f"{folder}, {kept}")
    assert run(SERIAL, cache) == [RIGHT, []]


def test_a_process_whose_kernels_are_removed_goes_on(cache):
    code = """
import subprocess
values = [huber(False)]
subprocess.run([sys.executable, "-m", "fastloss", "cache", "--clean"], check=True, stdout=subprocess.DEVNULL)
report([*values, huber(False), fastloss.squared_error([3.0], [1.0]), *fastloss.huber.grad([3.0], [1.0])])
"""
    before = files(cache).keys()
    assert run(as_other("fastloss") + code, cache) == [[RIGHT, RIGHT, 4.0, 1.0], ["huber", "squared_error"]]
    assert before - files(cache).keys()
    assert run(SERIAL, cache) == [RIGHT, []]


@pytest.mark.parametrize(
    ("name", "read", "written", "useless"),
    [
        ("row.mine_01234567{rest}-50.py311.nbi", 0, 0, False),
        ("row.mine_01234567{rest}-50.py311.1.nbc", 0, 0, False),
        ("row.mine_01234567{rest}-50.py311.1.nbc", 29, 99, False),
        ("row.mine_01234567{rest}-50.py311.1.nbc", 99, 29, False),
        ("row.mine_01234567{rest}-50.py311.1.nbc", 31, 31, True),
        ("kernel.mine_01234567{rest}-50.py311.1.nbc", 0, 0, True),
        ("row.mine_11234567{rest}-50.py311.1.nbc", 0, 0, True),
        ("row.mine_01234567{rest}-50.py311.1.nbc.tmp.0123456789abcdef", 0, 0, False),
        ("row.mine_01234567{rest}-50.py311.1.nbc.tmp.0123456789abcdef", 0.1, 0.1, True),
    ],
)
def test_useless_files_are_recognised_by_name_and_age(tmp_path, name, read, written, useless):
    path = tmp_path / name.format(rest="0" * 16)
    path.write_text("")
    now = time.time()
    os.utime(path, (now - read * DAY, now - written * DAY))
    found = command._looked_at(tmp_path, {"row 01234567"})
    assert list(found.files) == [path]
    assert list(found.useless) == [path] * useless


def test_a_folder_that_is_not_there_yet_is_empty(tmp_path):
    assert command._looked_at(tmp_path / "new", set()) == command.Kept(tmp_path / "new", {}, {})


def test_every_module_that_makes_kernels_is_known():
    found = {path for path in PACKAGE.rglob("*.py") if "\ndef make_kernel(" in path.read_text("utf-8")}
    # Kernels for CUDA are not kept: every process compiles them.
    kept = {path for path in found if path.parent.name != "_cuda"}
    assert kept == {Path(module.__file__) for module in command.MAKERS}
