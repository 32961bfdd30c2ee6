"""`fastloss.evaluate` by groups: columns of keys, their combinations, order and limits."""

import numpy as np
import pytest

import fastloss
from fastloss import huber
from fastloss._evaluate import groups, sums
from fastloss._evaluate.sources import memory

from .groups import KEYS, bits, columns


def test_many_groups_that_come_late():
    keys = np.random.default_rng(11).integers(0, 5000, 300_000) * np.repeat([0, 1, 1], 100_000)
    given = {"pred": np.arange(300_000.0), "target": np.zeros(300_000), "key": keys}
    found = fastloss.evaluate(given, "absolute_error", by="key", reduction="sum")
    expected = np.bincount(keys, given["pred"])
    np.testing.assert_allclose(found["absolute_error"], expected[expected > 0])
    assert found["count"].sum() == 300_000


def test_a_normalizer_divides_each_group():
    given = columns() | {"key": KEYS}
    found = fastloss.evaluate(given, huber, by="key", normalizer=7.5)
    own = {name: given[name][KEYS == 3] for name in ("pred", "target")}
    assert bits(found["huber"][3]) == bits(huber(**own, normalizer=7.5))


def test_a_missing_key_is_a_group_of_its_own_and_the_last():
    given = {
        "pred": [1.0, 2.0, 3.0, 4.0],
        "target": [0.0] * 4,
        "key": np.array(["b", None, "a", None], object),
    }
    found = fastloss.evaluate(given, "l1", by="key")
    assert found["key"] == ["a", "b", None]
    assert found["absolute_error"].tolist() == [3.0, 1.0, 3.0]
    given["key"] = np.array(["b", np.nan, "a", np.nan], object)  # as in pandas
    assert fastloss.evaluate(given, "l1", by="key")["key"] == ["a", "b", None]
    given["key"] = np.ma.MaskedArray([2, 7, 1, 7], [False, True, False, True])
    assert fastloss.evaluate(given, "l1", by="key")["key"] == [1, 2, None]


def test_groups_by_several_columns_are_the_combinations_that_occur(monkeypatch):
    monkeypatch.setattr(memory, "_ROWS", 1000)
    rng = np.random.default_rng(5)
    size = 30_000
    # Keys that are first seen in later blocks, so that the room for combinations grows several times.
    hour = np.sort(rng.integers(0, 40, size))
    keys = {
        "hour": hour,
        "town": np.array([["b", "a", None][k] for k in rng.integers(0, 3, size)], object),
        "price": rng.integers(0, hour + 1),
    }
    given = {"pred": rng.normal(size=size), "target": rng.normal(size=size), "w": rng.random(size)}
    found = fastloss.evaluate(given | keys, "huber", weight="w", by=list(keys))
    wanted = sorted({(h, t is None, t or "", p) for h, t, p in zip(*keys.values(), strict=True)})
    assert list(zip(*(found[name] for name in keys), strict=True)) == [
        (h, None if missing else t, p) for h, missing, t, p in wanted
    ]
    assert list(found)[:4] == ["hour", "town", "price", "count"]
    assert found["count"].sum() == size
    for row in found.rows()[::97]:
        here = np.logical_and.reduce([keys[name] == row[name] for name in keys])
        pred, target, weight = (x[here] for x in given.values())
        assert row["count"] == pred.size
        assert bits(row["huber"]) == bits(huber(pred, target, weight=weight))


def test_too_many_groups_are_named(monkeypatch):
    monkeypatch.setattr(sums, "BANDS", 1 << 40)
    with pytest.raises(MemoryError, match="evaluate: too many groups: by has 0 keys or more"):
        fastloss.evaluate(columns() | {"key": KEYS}, huber, by="key")


def test_one_column_in_a_list_is_that_column():
    given = columns() | {"key": KEYS}
    assert repr(fastloss.evaluate(given, huber, by=["key"])) == repr(
        fastloss.evaluate(given, huber, by="key")
    )


def test_bad_columns_of_keys_are_refused(monkeypatch):
    given = columns() | {"key": KEYS, "other": KEYS}
    with pytest.raises(ValueError, match="by must be a column or a list of columns, got an empty list"):
        fastloss.evaluate(given, huber, by=[])
    for by in (5, KEYS, ["key", KEYS]):
        with pytest.raises(TypeError, match=r"by.* must be the name of a column, a string, got "):
            fastloss.evaluate(given, huber, by=by)
    with pytest.raises(ValueError, match="would have two columns 'key'"):
        fastloss.evaluate(given, huber, by=["key", "key"])
    with pytest.raises(ValueError, match=r"no column 'others': .* did you mean 'other'"):
        fastloss.evaluate(given, huber, by=["key", "others"])
    monkeypatch.setattr(groups, "_MOST", 100)
    with pytest.raises(ValueError, match=r"at most 100 combinations of keys that could occur, got 1\d times"):
        fastloss.evaluate(given, huber, by=["key", "other"])


@pytest.mark.parametrize("by", ["count", "huber", "huber share"])
def test_a_column_of_groups_called_as_one_of_the_results_is_refused(by):
    said = f"evaluate: the result would have two columns {by!r}: rename the column given as by"
    with pytest.raises(ValueError, match=said):
        fastloss.evaluate(columns() | {by: KEYS}, huber, by=by)
