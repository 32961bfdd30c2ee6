"""The command eval over columns that are missing, damaged or unsuitable: one line on stderr, and no trace."""

import os
import signal

import numpy as np
import pytest

from fastloss._evaluate.sources import npy as source
from tests.damage import cut, damaged
from tests.refused import only_line

from .columns import ONE_FILE, PRED, TARGET
from .inputs import at_progress, listing, same_bits

pytestmark = pytest.mark.usefixtures("columns")


def test_nan_is_refused_with_its_count_and_nothing_written(evaluate, folder):
    np.savez("bad.npz", pred=np.load("bad.npy"), target=TARGET)
    before = listing(folder)
    count = np.count_nonzero(PRED > 9)
    said = (
        f"fastloss eval: numbers are missing (NaN): {count:,} in bad.npy; --skip-null leaves out such rows\n"
    )
    for options in ([], ["--grad-out", "g.npy"], ["--reduction", "none", "--grad-out", "g.npy"]):
        assert evaluate(*options, files=("bad.npy", "t.npy")) == (2, "", said)
    assert evaluate("--json", files=("bad.npy", "t.npy")) == (2, "", said)
    said = said.replace("(NaN)", "(null or NaN)")
    assert evaluate("--by", "carrier.npy", files=("bad.npy", "t.npy")) == (2, "", said)
    said = said.replace("in bad.npy", "in column 'pred' of bad.npz")
    for options in ([], ["--grad-out", "g.npy"], ["--reduction", "none", "--grad-out", "g.npy"]):
        assert evaluate(*options, files=("bad.npz",)) == (2, "", said)
    assert listing(folder) == before


@pytest.mark.parametrize(
    ("files", "options", "said"),
    [
        (["nope.npz"], [], "cannot read nope.npz: there is no such file or folder"),
        (["empty.npz"], [], "cannot read empty.npz::pred: File is not a zip file"),
        (["cut.npz"], [], "cannot read cut.npz::pred: File is not a zip file"),
        (["flipped.npz"], [], "cannot read flipped.npz::pred: Bad CRC-32 for file 'pred.npy'"),
        (["short.npz"], [], "short.npz has no column 'target': it has pred"),
        (
            ["data.npz"],
            ["--pred", "prde"],
            "data.npz has no column 'prde': it has pred, target, w, m, carrier",
        ),
        (
            ["data.npz"],
            ["--target", "carrier"],
            "column 'carrier' of data.npz, given as target, must hold real numbers",
        ),
        (
            ["data.npz"],
            ["--where", "w"],
            "column 'w' of data.npz, given as where, must hold booleans, got float64",
        ),
        (
            ["data.npz"],
            ["--by", "pred", "--weight", "short.npz::pred"],
            "arrays must have the same shape, got (300000,)",
        ),
        (
            ["p.npy", "t.npy"],
            ["--by", "pred.npy"],
            "arrays must have the same shape, got (300000,) and (40, 30)",
        ),
        (["p.npy", "t.npy"], ["--by", "bad.npy"], "bad.npy, given as by, must not hold NaN, got "),
        (["data.npz::pred", "t"], [], "t needs a column: write t::COLUMN, or take a .npy file"),
        (
            ["data.npz", "t.npy"],
            ["--pred", "pred"],
            "--pred and --target are only allowed with one FILE, got two",
        ),
        (["p.npy", "t.npy", "p.npy"], [], "expected one FILE with columns, or two, pred and target, got 3"),
        (
            ["data.npz"],
            ["--grad-out", "g.csv"],
            "--grad-out must end in .npy to match data.npz, got g.csv",
        ),
        (["a.parquet", "a.parquet"], [], "a.parquet needs a column: write a.parquet::COLUMN, or take a .npy"),
        (["p.npy", "t.npy"], ["--weight", "w.csv"], "w.csv needs a column: write w.csv::COLUMN, or take"),
        (
            ["data.npz"],
            ["--json", "--reduction", "none", "--grad-out", "g.npy"],
            "--json cannot be used with --reduction none, which has no table",
        ),
        (["data.npz"], ["--grad-out", "g.npy", "--by", "carrier"], "--grad-out cannot be used with --by"),
        (
            ["data.npz"],
            ["--grad-out", "g.npy", "--skip-null"],
            "--grad-out cannot be used with --skip-null, because rows would",
        ),
        (
            ["data.npz"],
            ["--grad-out", "g.npy", "--loss", "l1", "--loss", "l2"],
            "--grad-out is only allowed with one --loss",
        ),
        (
            ["data.npz"],
            ["--delta", "2", "--loss", "huber", "--loss", "l2"],
            "--delta is only allowed with one --loss: write",
        ),
        (
            ["data.npz"],
            ["--delta", "3", "--loss", "huber:delta=5"],
            "--delta is given twice, also in --loss huber:delta=5",
        ),
        (["data.npz"], ["--loss", "l1", "--loss", "mae"], "--loss: loss absolute_error is given twice"),
        (["data.npz"], ["--loss", "huber:beta=2"], "--loss: huber has no beta: it takes delta"),
        (["p.npy"], [], "p.npy holds a single array: add a second FILE, or --target"),
        (["p.npy"], ["--target", "t"], "t needs a column: write t::COLUMN, or take a .npy file"),
        (["p.npy"], ["--target", "t.npy::x"], "t.npy has no column 'x': it holds a single array"),
        (["text.txt"], [], "cannot read text.txt: expected a file that ends in .npy, .npz, "),
        (["pipe"], [], "cannot read pipe: it is a device, not a file or folder"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, list) else "",
)
def test_bad_input_is_told_in_a_line_that_names_it(evaluate, folder, files, options, said):
    open("empty.npz", "wb").close()
    cut("cut.npz", "data.npz")
    damaged("flipped.npz", lambda data: data[:5000] + bytes([data[5000] ^ 255]) + data[5001:], "data.npz")
    (folder / "text.txt").write_text("1.5")
    os.mkfifo("pipe")
    before = listing(folder)
    status, *printed = evaluate(*options, files=files)
    assert status == 2
    assert only_line(*printed).startswith(f"fastloss eval: {said}")
    assert listing(folder) == before


def test_a_file_that_is_cut_while_it_is_read_is_an_error(evaluate, folder, monkeypatch):
    before = listing(folder).keys()
    monkeypatch.setattr(source, "_ROWS", 1000)
    at_progress(monkeypatch, lambda: os.truncate("p.npy", 600_000), 2)
    status, *printed = evaluate("--by", "carrier.npy", files=("p.npy", "t.npy"))
    assert status == 2
    assert only_line(*printed).startswith("fastloss eval: cannot read p.npy: it is cut short: ")
    assert listing(folder).keys() == before


@pytest.mark.parametrize("at", [1, 3])
def test_an_interrupted_run_leaves_no_trace(evaluate, folder, monkeypatch, at):
    before = listing(folder)
    calls = at_progress(monkeypatch, lambda: signal.raise_signal(signal.SIGINT), at)
    assert evaluate("--grad-out", "grad.npy", **ONE_FILE) == (130, "", "")
    assert len(calls) == at
    assert listing(folder) == before


def test_an_input_written_to_while_it_is_read_is_told(evaluate, folder, monkeypatch):
    at_progress(monkeypatch, lambda: os.utime("data.npz", ns=(0, 0)))
    said = "fastloss eval: data.npz was written to while it was read\n"
    assert evaluate("--grad-out", "grad.npy", **ONE_FILE) == (2, "", said)
    assert not list(folder.glob("grad.npy")) + list(folder.glob(".*"))


def test_an_existing_file_is_replaced_only_if_forced_and_never_an_input(evaluate, folder):
    (folder / "grad.npy").write_text("of an earlier run")
    said = "--grad-out grad.npy exists: add --force to replace it"
    assert evaluate("--grad-out", "grad.npy", **ONE_FILE) == (2, "", f"fastloss eval: {said}\n")
    assert evaluate("--grad-out", "grad.npy", "--force", **ONE_FILE)[0] == 0
    said = "--grad-out t.npy would replace an input: it is the same file as t.npy"
    files = "data.npz::pred", "t.npy"
    assert evaluate("--grad-out", "t.npy", "--force", files=files) == (2, "", f"fastloss eval: {said}\n")
    assert same_bits(np.load("t.npy"), TARGET)
