"""The command eval over columns: members of .npz files, several losses, groups, JSON, missing numbers."""

import json
import os
import signal
import stat

import numpy as np
import pytest

import fastloss
from fastloss._evaluate.sources import npy as source
from fastloss.commands import eval as command

from .inputs import at_progress, listing, same_bits

RNG = np.random.default_rng(5)
PRED, TARGET = (RNG.normal(0, 3, 300_000).astype(np.float32) for _ in range(2))
WEIGHT, WHERE = RNG.random(PRED.size), RNG.random(PRED.size) < 0.5
KEYS = RNG.choice(["AA", "DL", "UA"], PRED.size)
ONE_FILE = {"files": ("data.npz",)}


@pytest.fixture(autouse=True)
def data(folder):
    np.savez("data.npz", pred=PRED, target=TARGET, w=WEIGHT, m=WHERE, carrier=KEYS)
    np.savez("short.npz", pred=PRED[:7])
    for name, array in {
        "p": PRED,
        "t": TARGET,
        "carrier": KEYS,
        "m": WHERE,
        "bad": np.where(PRED > 9, np.nan, PRED),
    }.items():
        np.save(name, array)


def test_one_loss_of_columns_prints_its_value(evaluate):
    value = fastloss.huber(PRED, TARGET, weight=WEIGHT, where=WHERE, delta=2.0)
    options = "--weight", "w", "--where", "m", "--delta", "2"
    assert evaluate(*options, **ONE_FILE) == (0, f"{value!r}\n", "")
    assert evaluate(*options[:4], "--loss", "huber:delta=2", **ONE_FILE) == (0, f"{value!r}\n", "")
    named = "--pred", "pred", "--target", "target"
    assert evaluate(*options, *named, **ONE_FILE) == (0, f"{value!r}\n", "")


def test_members_and_files_go_together(evaluate):
    value = fastloss.huber(PRED, TARGET, weight=WEIGHT)
    assert evaluate("--weight", "data.npz::w", files=("data.npz::pred", "t.npy")) == (0, f"{value!r}\n", "")


def test_several_losses_of_groups_are_a_table_or_json(evaluate):
    options = "--by", "carrier", "--loss", "huber:delta=5", "--loss", "absolute_error"
    found = fastloss.evaluate("data.npz", ["huber:delta=5", "absolute_error"], by="carrier")
    assert evaluate(*options, **ONE_FILE) == (0, f"{found}\n", "")
    status, out, err = evaluate(*options, "--json", **ONE_FILE)
    assert (status, json.loads(out), err) == (0, found.rows(), "")
    status, out, _ = evaluate("--by", "carrier.npy", files=("p.npy", "t.npy"))
    value = fastloss.huber(PRED[KEYS == "AA"], TARGET[KEYS == "AA"])
    assert out.splitlines()[1].split()[:3] == ["AA", str(np.count_nonzero(KEYS == "AA")), f"{value:.6g}"]


def test_the_column_of_a_loss_tells_its_parameter_however_that_is_given(evaluate):
    tables = [
        evaluate(*options, "--by", "carrier", **ONE_FILE)
        for options in (["--delta", "3"], ["--loss", "huber:delta=3"])
    ]
    assert tables[0] == tables[1]
    assert tables[0][1].split()[2] == "huber:delta=3"


def test_infinite_gradients_of_elements_are_written_without_a_warning(evaluate):
    np.savez("huge.npz", pred=[1.7e308, -1.7e308], target=[-1.7e308, 1.7e308])
    options = "--loss", "squared_error", "--reduction", "none", "--grad-out", "g.npy"
    assert evaluate(*options, files=("huge.npz",)) == (0, "", "")
    assert np.load("g.npy").tolist() == [np.inf, -np.inf]


def test_a_column_with_colons_is_one_of_the_file_before_it_is_of_another(evaluate):
    np.savez("a::b.npz", **{"x": PRED, "data.npz::pred": TARGET, "y::z": WEIGHT})
    value = fastloss.huber(PRED, TARGET, weight=WEIGHT)
    options = "--pred", "x", "--target", "data.npz::pred", "--weight", "y::z"
    assert evaluate(*options, files=("a::b.npz",)) == (0, f"{value!r}\n", "")
    files = "a::b.npz::x", "a::b.npz::data.npz::pred"
    assert evaluate("--weight", "a::b.npz::y::z", files=files) == (0, f"{value!r}\n", "")
    value = fastloss.huber(PRED, TARGET)
    for target in ("data.npz::target", "t.npy"):
        assert evaluate("--target", target, files=("p.npy",)) == (0, f"{value!r}\n", "")
    os.rename("p.npy", "p::q.npy")
    assert evaluate(files=("p::q.npy", "t.npy")) == (0, f"{value!r}\n", "")
    assert evaluate("--skip-null", files=("p::q.npy", "t.npy")) == (0, f"{value!r}\n", "")


@pytest.mark.parametrize("outputs", [["--grad-out"], ["--loss-out"], ["--loss-out", "--grad-out"]])
def test_elements_of_columns_go_to_files(evaluate, outputs):
    options = [word for option in outputs for word in (option, f"{option[2:]}.npy")]
    status, out, err = evaluate("--reduction", "none", "--weight", "w", *options, **ONE_FILE)
    assert (status, out, err) == (0, "", "")
    losses, grad = fastloss.huber.value_and_grad(PRED, TARGET, weight=WEIGHT, reduction="none")
    for option in outputs:
        assert same_bits(np.load(f"{option[2:]}.npy"), losses if option == "--loss-out" else grad)


@pytest.mark.parametrize(
    ("options", "keywords"),
    [
        ([], {}),
        (["--weight", "w", "--where", "m"], {"weight": WEIGHT, "where": WHERE}),
        (["--normalizer", "3"], {"normalizer": 3.0}),
        (["--reduction", "sum"], {"reduction": "sum"}),
    ],
    ids=lambda options: " ".join(options),
)
def test_the_gradient_of_columns_is_that_in_memory(evaluate, options, keywords):
    value, grad = fastloss.huber.value_and_grad(PRED, TARGET, **keywords)
    assert evaluate("--grad-out", "grad.npy", *options, **ONE_FILE) == (0, f"{value!r}\n", "")
    assert same_bits(np.load("grad.npy"), grad)


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


def test_groups_by_two_columns(evaluate):
    found = fastloss.evaluate("data.npz", "huber", by=["m", "carrier"])
    options = "--by", "m", "--by", "carrier"
    assert evaluate(*options, **ONE_FILE) == (0, f"{found}\n", "")
    rows = json.loads(evaluate(*options, "--json", **ONE_FILE)[1])
    assert rows == json.loads(json.dumps(found.rows()))
    assert list(rows[0])[:3] == ["m", "carrier", "count"]
    status, out, _ = evaluate("--by", "m.npy", "--by", "carrier.npy", files=("p.npy", "t.npy"))
    assert (status, out.split()[6:]) == (0, str(found).split()[6:])


def test_nan_that_is_masked_or_made_by_the_loss_does_not_count_as_missing(evaluate):
    np.save("kept", PRED <= 9)
    value = fastloss.huber(np.load("bad.npy"), TARGET, where=PRED <= 9)
    assert evaluate("--where", "kept.npy", files=("bad.npy", "t.npy")) == (0, f"{value!r}\n", "")
    assert evaluate(files=("p.npy", "t.npy"), loss=("--loss", "poisson"))[:2] == (0, "nan\n")


def test_rows_with_nan_are_skipped_and_counted(evaluate):
    left = PRED <= 9
    value = fastloss.huber(PRED[left], TARGET[left])
    said = f"fastloss eval: skipped rows with missing numbers: {np.count_nonzero(~left):,}\n"
    assert evaluate("--skip-null", files=("bad.npy", "t.npy")) == (0, f"{value!r}\n", said)


def damage(name, change):
    with open("data.npz", "rb") as file:
        data = bytearray(file.read())
    change(data)
    with open(name, "wb") as file:
        file.write(data)


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
    damage("cut.npz", lambda data: data.__delitem__(slice(len(data) // 2, None)))
    damage("flipped.npz", lambda data: data.__setitem__(5000, data[5000] ^ 255))
    (folder / "text.txt").write_text("1.5")
    os.mkfifo("pipe")
    before = listing(folder)
    status, out, err = evaluate(*options, files=files)
    assert (status, out) == (2, "")
    assert err.startswith(f"fastloss eval: {said}")
    assert err.count("\n") == 1
    assert listing(folder) == before


def test_a_file_that_is_cut_while_it_is_read_is_an_error(evaluate, folder, monkeypatch):
    before = listing(folder).keys()
    monkeypatch.setattr(source, "_ROWS", 1000)
    at_progress(monkeypatch, lambda: os.truncate("p.npy", 600_000), 2)
    status, out, err = evaluate("--by", "carrier.npy", files=("p.npy", "t.npy"))
    assert (status, out) == (2, "")
    assert err.startswith("fastloss eval: cannot read p.npy: it is cut short: ")
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


@pytest.mark.parametrize("files", [("data.npz",), ("p.npy", "t.npy")])
def test_a_replaced_file_keeps_its_mode(evaluate, files):
    np.save("grad", PRED)
    os.chmod("grad.npy", 0o604)
    assert evaluate("--grad-out", "grad.npy", "--force", files=files)[0] == 0
    assert stat.S_IMODE(os.stat("grad.npy").st_mode) == 0o604


def test_the_bar_tells_rows_of_all_rows(evaluate, monkeypatch):
    calls = at_progress(monkeypatch, lambda: None)
    assert evaluate("--json", **ONE_FILE)[0] == 0
    assert calls == [(1 << 17, PRED.size), (2 << 17, PRED.size), (PRED.size, PRED.size), (1, 1)]
    assert command.Bar().new is None
