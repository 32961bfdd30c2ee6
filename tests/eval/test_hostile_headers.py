"""Malicious headers of .npy files: the error is one line, and reading them takes little memory."""

import os
import sys

import numpy as np
import pytest

from tests.bait import Bait
from tests.refused import only_line
from tests.subprocesses import run_command

from .inputs import HUBER

DAMAGED = "its .npy header is damaged: "
SHAPELESS = f"{DAMAGED}no array can have its shape"
MUCH = "1" + "0" * 18
MANY = "[" + ",".join(f"('c{k}', '<f8')" for k in range(10**6)) + "]"


def dictionary(shape="(3,)", descr="'<f8'"):
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n"


def write(name, header, version=(1, 0), length=None, numbers=b"\0" * 24):
    """Write a .npy file with any text as its header, which may state a wrong length."""
    text = header.encode("latin1")
    size = (len(text) if length is None else length).to_bytes(2 if version == (1, 0) else 4, "little")
    with open(name, "wb") as file:
        file.write(b"\x93NUMPY" + bytes(version) + size + text + numbers)


CASES = {
    "10^18 elements": ([dictionary(f"({MUCH},)")], "it is cut short: 110 of 8,000,000,000,000,000,086 bytes"),
    "10^36 elements": ([dictionary(f"({MUCH}, {MUCH})")], SHAPELESS),
    "10^30 times nothing": ([dictionary(f"({10**30}, 0)")], SHAPELESS),
    "4,001 digits": ([dictionary(f"({10**4000},)")], SHAPELESS),
    "5,001 digits": ([dictionary(f"(1{'0' * 5000},)")], DAMAGED),
    "10^18 elements of no bytes": (
        [dictionary(f"({MUCH},)", "'V0'")],
        "its elements (|V0) have no bytes",
    ),
    "negative": ([dictionary("(-3,)")], SHAPELESS),
    "negative twice": ([dictionary("(-1, -3)")], SHAPELESS),
    "a truth value": ([dictionary("(True, 3)")], SHAPELESS),
    "a hundred axes": ([dictionary(f"({'1,' * 100})")], "cannot read hostile.npy: "),
    "a million fields": (
        [dictionary(descr=MANY), (2, 0)],
        f"its header has {len(dictionary(descr=MANY)):,} bytes, expected at most 10,000",
    ),
    "pickled": ([dictionary(descr="'|O'")], "it holds Python objects, not numbers"),
    "pickled in a field": ([dictionary(descr="[('a', '|O')]")], "it holds Python objects, not numbers"),
    "a call": (["__import__('os').mkdir('called')\n"], DAMAGED),
    "brackets": ([dictionary("(" * 4000 + ")" * 4000)], DAMAGED),
    "signs": ([dictionary("-" * 9000 + "1")], DAMAGED),
    "zeros": (["\0" * 100], DAMAGED),
    "no text": ([""], DAMAGED),
    "longer than the file": ([dictionary(), (1, 0), 9_999], f"{DAMAGED}EOF: reading array header"),
    "version 9.9": ([dictionary(), (9, 9)], "its .npy format is 9.9, expected 1.0, 2.0 or 3.0"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_hostile_header_is_told_in_a_line(evaluate, folder, case):
    arguments, said = CASES[case]
    write("hostile.npy", *arguments)
    before = sorted(os.listdir())
    status, *printed = evaluate("--grad-out", "grad.npy", files=("hostile.npy", "target.npy"))
    assert status == 2
    line = only_line(*printed)
    assert not line.rstrip().endswith(":")
    assert line.startswith("fastloss eval: ")
    assert said in line
    assert len(line) < 300
    assert sorted(os.listdir()) == before


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_of_the_format_is_read(evaluate, folder, version):
    write("known.npy", dictionary(), version)
    assert evaluate(files=("known.npy", "known.npy")) == (0, "0.0\n", "")


# The file of 8 GB is sparse and takes no space on the disk.
@pytest.mark.skipif(sys.platform == "win32", reason="needs the module resource")
def test_a_header_of_4_gb_is_not_read_into_memory(folder):
    write("large.npy", dictionary(), (2, 0), 2**32 - 1)
    os.truncate("large.npy", 1 << 33)
    limit = "import resource; resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))"
    result = run_command("eval", "large.npy", "target.npy", *HUBER, before=limit, cwd=folder)
    said = "cannot read large.npy: its header has 4,294,967,295 bytes, expected at most 10,000"
    assert (result.returncode, result.stderr) == (2, f"fastloss eval: {said}\n")


def test_a_million_columns_are_an_array_as_any(evaluate, folder):
    np.save("wide", np.ones((1, 10**6), np.float32))
    assert evaluate(files=("wide.npy", "wide.npy")) == (0, "0.0\n", "")


@pytest.mark.parametrize("save", [np.save, np.savez])
def test_nothing_is_unpickled(evaluate, folder, save):
    with open("objects.npy", "wb") as file:
        save(file, np.array([Bait("taken")]))
    for files in (("objects.npy", "target.npy"), ("pred.npy", "objects.npy")):
        assert evaluate(files=files)[:2] == (2, "")
    assert not os.path.exists("taken")
    with open("objects.npy", "rb") as file:  # unpickled on purpose, the bait does make its folder
        found = np.load(file, allow_pickle=True)
        assert (found if save is np.save else found["arr_0"]).size
    assert os.path.exists("taken")
