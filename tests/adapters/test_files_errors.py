"""Unreadable files, unsuitable columns and interrupted runs: one line on stderr, and no file left behind."""

import os
import signal
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet
import pytest

from fastloss.__main__ import main
from fastloss.commands import eval as command
from tests.damage import cut, overwritten
from tests.refused import only_line
from tests.subprocesses import finish, start_python

pytestmark = pytest.mark.usefixtures("empty_folder")

RNG = np.random.default_rng(4)
TABLE = pa.table({"pred": RNG.random(50_000), "target": RNG.random(50_000), "carrier": ["AA", "DL"] * 25_000})


def parquet(path="data.parquet", table=TABLE, **options):
    pa.parquet.write_table(table, path, **options)
    return path


def ipc(path="data.arrow", table=TABLE):
    with pa.ipc.new_file(path, table.schema) as file:
        file.write_table(table)
    return path


def csv(*lines, path="data.csv"):
    Path(path).write_text("\n".join(["pred,target", *lines]) + "\n")
    return path


def text(path, content):
    Path(path).write_text(content)
    return path


def folder(second):
    """Make a folder of two files: the first intact, the second made by a function."""
    os.mkdir("data")
    parquet("data/1.parquet")
    second("data/2.parquet")
    return "data"


def garbled(path):
    """Write a Parquet file in which one page, of the second column, cannot be decompressed."""
    parquet(path, row_group_size=5_000, compression="zstd")
    place = pa.parquet.read_metadata(path).row_group(8).column(1).data_page_offset + 60
    return overwritten(path, place, b"\0" * 3000)


CASES = {
    "none": (lambda: "data.parquet", "cannot read data.parquet: there is no such file or folder"),
    "foreign": (lambda: text("data.parquet", "words " * 99), "cannot read data.parquet: Parquet magic bytes"),
    "foreign ipc": (lambda: text("data.arrow", "words " * 99), "cannot read data.arrow: Not an Arrow file"),
    "empty": (lambda: text("data.parquet", ""), "cannot read data.parquet: Parquet file size is 0 bytes"),
    "empty ipc": (lambda: text("data.feather", ""), "cannot read data.feather: File is too small: 0"),
    "empty csv": (lambda: text("data.csv", ""), "cannot read data.csv: "),
    "no kind": (lambda: text("data.txt", "1,2"), "cannot read data.txt: expected a file that ends in .npy,"),
    "cut": (lambda: cut(parquet()), "cannot read data.parquet: Parquet magic bytes not found"),
    "cut ipc": (lambda: cut(ipc()), "cannot read data.arrow: Not an Arrow file"),
    "garbled": (lambda: garbled("data.parquet"), "cannot read data.parquet: "),
    "garbled in a folder": (lambda: folder(garbled), "cannot read data/2.parquet: "),
    "cut in a folder": (lambda: folder(lambda path: cut(parquet(path))), "cannot read data/2.parquet: Par"),
    "two kinds": (lambda: folder(lambda _: ipc("data/2.arrow")), "cannot read data: expected files of one"),
    "no files": (lambda: os.mkdir("data") or "data", "cannot read data: the folder has no files"),
    "column": (lambda: parquet(table=TABLE.drop(["target"])), "data.parquet has no column 'target': it has"),
    "column in a folder": (
        lambda: folder(lambda path: parquet(path, TABLE.drop(["target"]))),
        "data/2.parquet has no column 'target': it has pred, carrier",
    ),
    "type in a folder": (
        lambda: folder(lambda path: parquet(path, TABLE.set_column(0, "pred", TABLE["pred"].cast("float")))),
        "column 'pred' of data/2.parquet is float, in the first file double",
    ),
    "twice": (
        lambda: parquet(table=TABLE.append_column("pred", TABLE["target"])),
        "data.parquet has 2 columns 'pred', expected one",
    ),
    "twice csv": (lambda: text("data.csv", "pred,target,pred\n1,2,3\n"), "cannot read data.csv: CSV file"),
    "text": (
        lambda: parquet(table=TABLE.rename_columns(["x", "target", "pred"])),
        "column 'pred' of data.parquet, given as pred, must hold real numbers of at most 64 bits, got string",
    ),
    "text csv": (lambda: csv("a,2"), "column 'pred' of data.csv, given as pred, must hold real numbers"),
    "late text": (
        lambda: csv(*["1,2"] * 400_000, "3,four"),
        "cannot read data.csv: In column 'target': Row #400002: CSV conversion error to double: invalid va",
    ),
    "lengths": (lambda: csv("1,2", "1,2,3"), "cannot read data.csv: CSV parse error: Row #3: Expected"),
    "decimals": (
        lambda: parquet(table=TABLE.set_column(0, "pred", pa.array([Decimal(1)] * 50_000))),
        "column 'pred' of data.parquet, given as pred, must hold real numbers of at most 64 bits, got dec",
    ),
    "lists": (
        lambda: parquet(table=TABLE.set_column(0, "pred", pa.array([[1.0]] * 50_000))),
        "column 'pred' of data.parquet, given as pred, must hold real numbers of at most 64 bits, got list<",
    ),
}  # fmt: skip


def left():
    """List what is in the folder, at any depth."""
    return sorted(map(str, Path().rglob("*")))


@pytest.mark.parametrize("outputs", [(), ("--grad-out", "grad")], ids=["value", "gradient"])
@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_told_in_a_line(case, outputs, capsys):
    make, said = CASES[case]
    path = make()
    before = left()
    end = os.path.splitext(path)[1] or ".parquet"
    words = (outputs[0], outputs[1] + end) if outputs else ()
    assert main(["eval", path, "--loss", "huber", *words]) == 2
    assert only_line(*capsys.readouterr()).startswith(f"fastloss eval: {said}")
    assert left() == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--by", "nan"], "column 'nan' of data.parquet, given as by, must not hold NaN, got 1 of them"),
        (["--by", "lists"], "column 'lists' of data.parquet, given as by, must hold keys, such as"),
        (["--where", "pred"], "column 'pred' of data.parquet, given as where, must hold booleans"),
        (["--weight", "pred"], "weight must be a finite number >= 0, got -1.0 (in column 'pred' of data.p"),
        (["--weight", "other.csv::w"], "other.csv has 1 rows, data.parquet has more: expected as many"),
        (["--grad-out", "grad.csv"], "--grad-out must end in .parquet or .pq to match data.parque"),
        (["--grad-out", "data.parquet", "--force"], "--grad-out data.parquet would replace an input: it is"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, list) else "",
)  # fmt: skip
def test_columns_that_do_not_fit(options, said, capsys):
    numbers = {"pred": [1.0, -1.0], "target": [0.0, 0.0], "nan": [1.0, np.nan], "lists": [[1], [2]]}
    parquet(table=pa.table(numbers))
    text("other.csv", "w\n1\n")
    before = left()
    assert main(["eval", "data.parquet", "--loss", "huber", *options]) == 2
    assert only_line(*capsys.readouterr()).startswith(f"fastloss eval: {said}")
    assert left() == before


def test_a_file_in_the_folder_of_the_input_is_not_replaced(capsys):
    folder(parquet)
    before = left()
    assert main(["eval", "data", "--loss", "huber", "--grad-out", "data/2.parquet", "--force"]) == 2
    assert "would replace an input: it is the same file as data/2.parquet" in capsys.readouterr().err
    assert left() == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_ended_run_leaves_no_trace(number, monkeypatch, capsys):
    folder(parquet)
    before = left()
    monkeypatch.setattr(command.Bar, "show", lambda *_: signal.raise_signal(number))
    former = signal.signal(number, lambda *_: None)
    try:
        status = main(["eval", "data", "--loss", "huber", "--grad-out", "grad.parquet"])
    except SystemExit as stop:
        status = stop.code
    finally:
        signal.signal(number, former)
    assert (status, capsys.readouterr()) == (128 + number, ("", ""))
    assert left() == before


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no unnamed files")
@pytest.mark.parametrize("kind", ["parquet", "npy"])
def test_a_killed_run_leaves_no_trace(kind):
    folder(parquet)
    for name in ("pred", "target"):
        np.save(name, TABLE[name].to_numpy())
    before = left()
    files = ["data"] if kind == "parquet" else ["pred.npy", "target.npy"]
    code = f"""
import time
from fastloss.__main__ import main
from fastloss.commands import eval as command
command.Bar.show = lambda *_: print("reading", flush=True) or time.sleep(60)
main(["eval", *{files}, "--loss", "huber", "--grad-out", "grad.{kind}"])
"""
    process = start_python(code)
    assert process.stdout is not None
    assert process.stdout.readline() == "reading\n"
    process.kill()
    assert finish(process).returncode == -signal.SIGKILL
    assert left() == before


def misplaced(part, new):
    """Write an IPC file of keys, then replace one index or offset by a number that Arrow still reads."""
    keys = pa.array(["AA", "DL"] * 8)
    keys = keys.dictionary_encode() if part == "indices" else keys
    table = pa.table({"pred": [1.0] * 16, "target": [0.0] * 16, "g": keys})
    old = (np.tile([0, 1], 8) if part == "indices" else np.arange(0, 34, 2)).astype(np.int32).tobytes()
    place = Path(ipc(table=table)).read_bytes().index(old) + 8
    changed = np.int32(new).tobytes()
    return overwritten("data.arrow", place, changed)


@pytest.mark.parametrize("as_folder", [False, True])
@pytest.mark.parametrize(
    ("part", "new", "said"),
    [("indices", 5, "out of bounds"), ("indices", -1, "out of bounds"), ("offsets", 1 << 30, "offset")],
)
def test_damaged_keys_of_an_ipc_file_are_told(part, new, said, as_folder, capsys):
    path = misplaced(part, new)
    if as_folder:
        os.mkdir("data")
        ipc("data/1.arrow", pa.table({"pred": [1.0], "target": [0.0], "g": pa.array(["AA"])}))
        path = os.rename(path, "data/2.arrow") or "data/2.arrow"
    assert main(["eval", "data" if as_folder else path, "--loss", "l1", "--by", "g"]) == 2
    line = only_line(*capsys.readouterr())
    assert line.startswith(f"fastloss eval: cannot read {path}: ")
    assert said in line


@pytest.mark.parametrize("role", ["by", "where"])
def test_a_column_of_a_csv_file_cannot_have_two_types(role, capsys):
    text("data.csv", "pred,target,g\n1,2,1\n")
    assert main(["eval", "data.csv", "--loss", "l1", "--pred", "g", f"--{role}", "g"]) == 2
    said = f"column 'g' of data.csv is given as pred and {role}, which need different types: double and "
    assert said in capsys.readouterr().err
    assert main(["eval", "data.csv", "--loss", "l1", "--weight", "pred"]) == 0
