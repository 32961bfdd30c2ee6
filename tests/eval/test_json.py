"""The command eval with --json: arrays of any shape, and numbers that JSON does not have."""

import json

import numpy as np
import pytest

import fastloss

from .inputs import PRED, TARGET


def test_json_has_null_for_nan(evaluate):
    np.save("none", np.zeros(0))
    status, out, err = evaluate("--json", files=("none.npy", "none.npy"))
    assert (status, json.loads(out)) == (0, [{"count": 0, "huber": None}])
    assert err == "fastloss eval: huber: the mean over no elements is NaN\n"


def test_json_has_null_for_infinity_but_not_for_a_key(evaluate):
    given = {"pred": [1e308, 1.0, 2.0], "target": [-1e308, 0.0, 0.0], "k": [1.0, np.inf, np.inf]}
    np.savez("huge.npz", **given)
    status, out, _ = evaluate("--json", "--by", "k", "--loss", "squared_error", files=("huge.npz",))
    rows = json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert [(row["k"], row["squared_error"]) for row in rows] == [(1.0, None), ("inf", 2.5)]
    assert status == 0


def test_json_takes_whatever_arrays_the_value_takes(evaluate):
    pred, target = PRED[:4, :3], TARGET[0, :3]
    np.save("f.npy", np.asfortranarray(pred))
    np.save("row.npy", target)
    np.save("kept.npy", target > 0)
    assert 0 < np.count_nonzero(target > 0) < 3
    for options, kept in ((), None), (("--where", "kept.npy"), target > 0):
        value = fastloss.huber(pred, target, where=kept)
        count = pred.size if kept is None else 4 * np.count_nonzero(kept)
        files = "f.npy", "row.npy"
        assert evaluate(*options, files=files) == (0, f"{value!r}\n", "")
        status, out, err = evaluate(*options, "--json", files=files)
        assert (status, json.loads(out), err) == (0, [{"count": count, "huber": float(value)}], "")
