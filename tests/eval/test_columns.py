"""The command eval over columns: members of .npz files, several losses, groups, JSON, missing numbers."""

import json
import os
import stat

import numpy as np
import pytest

import fastloss
from fastloss.commands import eval as command

from .columns import KEYS, ONE_FILE, PRED, TARGET, WEIGHT, WHERE
from .inputs import at_progress, same_bits

pytestmark = pytest.mark.usefixtures("columns")


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
