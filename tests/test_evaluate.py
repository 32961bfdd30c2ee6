"""`fastloss.evaluate` on arrays in memory and in .npz files: bits, groups, missing numbers, errors."""

import sys
from functools import partial

import numpy as np
import pytest

import fastloss
from fastloss import huber
from fastloss._evaluate import blocks
from fastloss._evaluate.sources import memory

from .groups import KEYS, SIZES, bits, columns


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("names", [(), ("weight",), ("where",), ("weight", "where")], ids=" and ".join)
@pytest.mark.parametrize("dtype", ["f8", "f4", "f2"])
def test_each_group_has_the_bits_of_the_call_on_its_rows(monkeypatch, dtype, names, reduction):
    monkeypatch.setattr(memory, "_ROWS", 50_001)  # a multiple of no size that matters
    given = columns(*names, dtype=dtype)
    options = {name: name for name in names} | {"reduction": reduction}
    found = fastloss.evaluate(given | {"key": KEYS}, ["huber:delta=2", "l1"], by="key", **options)
    whole = fastloss.evaluate(given, ["huber:delta=2", "l1"], **options)
    calls = {"huber:delta=2": partial(huber, delta=2.0), "absolute_error": fastloss.absolute_error}
    assert found["key"] == list(range(len(SIZES)))
    for label, call in calls.items():
        assert bits(whole[label][0]) == bits(call(**given, reduction=reduction))
        total = sum(
            call(**{k: x[key == KEYS] for k, x in given.items()}, reduction="sum") for key in found["key"]
        )
        for key, value, share in zip(found["key"], found[label], found[f"{label} share"], strict=True):
            own = {name: x[key == KEYS] for name, x in given.items()}
            assert bits(value) == bits(call(**own, reduction=reduction))
            assert share == pytest.approx(call(**own, reduction="sum") / total)
    kept = given["where"] if "where" in names else np.ones(KEYS.size, bool)
    assert found["count"].tolist() == [np.count_nonzero(kept & (key == KEYS)) for key in found["key"]]
    assert whole["count"].tolist() == [np.count_nonzero(kept)]


@pytest.mark.parametrize("rows", [1000, 1 << 14, 1 << 17, 1 << 20])
def test_blocks_of_any_size_give_the_same_bits(monkeypatch, rows):
    monkeypatch.setattr(memory, "_ROWS", rows)
    given = columns("weight")
    assert bits(fastloss.evaluate(given, huber, weight="weight")["huber"][0]) == bits(huber(**given))


def test_blocks_are_cut_to_one_size_without_copies_of_those_that_have_it():
    given = [{"x": np.arange(lo, lo + n)} for lo, n in ((0, 8), (8, 3), (11, 13), (24, 2))]
    found = list(blocks.cut(iter(given), 8))
    assert [len(block["x"]) for block in found] == [8, 8, 8, 2]
    assert np.concatenate([block["x"] for block in found]).tolist() == list(range(26))
    assert found[0]["x"].base is given[0]["x"]


@pytest.mark.parametrize(
    ("pred", "target"), [("f4", "f8"), ("i4", "f4"), ("?", "u1"), ("f2", "f4"), (">f8", "f8")]
)
def test_types_are_computed_in_that_of_the_call(pred, target):
    given = {"pred": np.arange(9).astype(pred), "target": np.full(9, 0.1).astype(target), "by": [0] * 9}
    value = huber(given["pred"], given["target"])
    assert bits(fastloss.evaluate(given, huber)["huber"][0]) == bits(value)
    assert bits(fastloss.evaluate(given, huber, by="by")["huber"][0]) == bits(value)


def test_the_table_prints_in_columns_and_has_rows():
    given = {"pred": [1.0, 2.0, 3.0], "target": [0.0] * 3, "key": np.array(["UA", None, "UA"], object)}
    found = fastloss.evaluate(given, "l1", by="key")
    assert repr(found).splitlines() == [
        " key  count  absolute_error  absolute_error share",
        "  UA      2               2              0.666667",
        "null      1               2              0.333333",
    ]
    assert found.rows()[1] == {
        "key": None, "count": 1, "absolute_error": 2.0, "absolute_error share": pytest.approx(1 / 3),
    }  # fmt: skip


def test_each_loss_has_a_column_with_all_digits_of_its_parameters():
    deltas = 1234567.0, 1234568.0, 0.1, np.inf
    found = fastloss.evaluate(columns(), [partial(huber, delta=delta) for delta in deltas])
    labels = "huber:delta=1234567", "huber:delta=1234568", "huber:delta=0.1", "huber:delta=inf"
    assert tuple(found)[1:] == labels
    for delta, label in zip(deltas, labels, strict=True):
        assert bits(found[label][0]) == bits(huber(**columns(), delta=delta))


def test_missing_numbers_are_counted_and_refused():
    given = columns("weight") | {"key": KEYS}
    given["pred"][[5, 200_000, 200_001]] = np.nan
    given["weight"] = given["weight"].copy()
    given["weight"][9] = np.nan
    said = ".null or NaN.: 3 in column 'pred' of the source, 1 in column 'weight' of the source; skip_null"
    for by in (None, "key"):
        with pytest.raises(ValueError, match=said):
            fastloss.evaluate(given, huber, weight="weight", by=by)


def test_missing_numbers_of_rows_left_out_do_no_harm():
    given = columns("where")
    given["pred"][[5, 200_000]] = np.nan
    given["where"] = given["where"].copy()
    given["where"][[5, 200_000]] = False
    value = huber(**given)
    assert bits(fastloss.evaluate(given, huber, where="where")["huber"][0]) == bits(value)
    given["target"] = np.ma.MaskedArray(
        given["target"], np.isin(np.arange(KEYS.size), [5, 7]) & ~given["where"]
    )
    assert bits(fastloss.evaluate(given, huber, where="where")["huber"][0]) == bits(value)
    given["pred"][np.flatnonzero(given["where"])[0]] = np.nan
    with pytest.raises(ValueError, match="1 in column 'pred' of the source; skip_null"):
        fastloss.evaluate(given, huber, where="where")


def test_skipping_has_the_bits_of_the_rows_left():
    given = columns("weight")
    given["pred"][[5, 200_000]] = np.nan
    given["target"] = np.ma.MaskedArray(given["target"], np.arange(KEYS.size) == 7)
    given["weight"] = np.where(np.arange(KEYS.size) == 9, np.nan, given["weight"])
    left = ~np.isin(np.arange(KEYS.size), [5, 7, 9, 200_000])
    rows = {name: np.ma.getdata(x)[left] for name, x in given.items()}
    found = fastloss.evaluate(given, huber, weight="weight", skip_null=True)
    assert bits(found["huber"][0]) == bits(huber(**rows))
    assert (found.skipped, found["count"][0]) == (4, KEYS.size - 4)
    grouped = fastloss.evaluate(given | {"key": KEYS}, huber, weight="weight", by="key", skip_null=True)
    own = {name: x[KEYS[left] == 12] for name, x in rows.items()}
    assert bits(grouped["huber"][12]) == bits(huber(**own))


def test_a_group_whose_rows_are_all_skipped_is_none():
    given = {"pred": [1.0, np.nan], "target": [0.0, 0.0], "key": ["a", "b"]}
    assert fastloss.evaluate(given, huber, by="key", skip_null=True)["key"] == ["a"]


def test_nothing_is_nan_with_a_warning():
    empty = {"pred": np.zeros(0), "target": np.zeros(0), "key": np.zeros(0, int)}
    with pytest.warns(RuntimeWarning, match="the mean over no elements is NaN"):
        assert np.isnan(fastloss.evaluate(empty, huber)["huber"][0])
    assert fastloss.evaluate(empty, huber, by="key")["huber"].size == 0
    given = {
        "pred": [1.0, 2.0],
        "target": [0.0] * 2,
        "key": ["a", "b"],
        "where": [True, False],
        "w": [0.0, 1.0],
    }
    with pytest.warns(RuntimeWarning, match="the mean of group 'b' over no elements is NaN"):
        assert np.isnan(fastloss.evaluate(given, huber, by="key", where="where")["huber"][1])
    with pytest.warns(RuntimeWarning, match="the mean of group 'a' over a total weight of 0 is NaN"):
        assert np.isnan(fastloss.evaluate(given, huber, by="key", weight="w")["huber"][0])


def test_numbers_that_a_loss_does_not_allow_are_told():
    with pytest.warns(
        RuntimeWarning, match="poisson: a sum is NaN: some pred or target is not in the loss's domain"
    ):
        found = fastloss.evaluate({"pred": [1.0, -2.0], "target": [3.0, 0.5]}, "poisson")
    assert np.isnan(found["poisson"][0])


def test_members_of_a_zip_file(tmp_path):
    given = columns("weight", "where")
    for name, save in {"plain": np.savez, "packed": np.savez_compressed}.items():
        save(tmp_path / f"{name}.npz", **given)
        found = fastloss.evaluate(tmp_path / f"{name}.npz", huber, weight="weight", where="where")
        assert bits(found["huber"][0]) == bits(huber(**given))


@pytest.mark.parametrize(
    ("loss", "options", "said"),
    [
        ("hubber", {}, "loss: no loss is called 'hubber'; similar names: huber"),
        ("huber:dleta=2", {}, "huber has no dleta: it takes delta; did you mean 'delta'?"),
        ("huber:delta", {}, "loss 'huber:delta': expected parameters as in 'huber:delta=5'"),
        ("huber:delta=-2", {}, "huber: delta must be a number > 0 or inf, got -2.0"),
        ("huber:delta=5,delta=6", {}, "loss 'huber:delta=5,delta=6': delta is given twice"),
        (partial(huber, delta="a"), {}, "huber: delta must be a number, got str 'a'"),
        (partial(huber, delta=None), {}, "huber: delta must be a number, got NoneType None"),
        (partial(huber, delta=np.ones(2)), {}, "huber: delta must be a number, got array([1., 1.])"),
        (["l1", "mae"], {}, "loss absolute_error is given twice"),
        ([], {}, "loss must be a loss or a list of them, got an empty list"),
        (np.mean, {}, "loss must be a loss, its name such as 'huber:delta=5', or a partial of one"),
        ("l1", {"pred": "prde"}, "the source has no column 'prde': it has pred, target, "),
        ("l1", {"pred": "prde"}, "did you mean 'pred'?"),
        ("l1", {"pred": "text"}, "column 'text' of the source, given as pred, must hold real numbers"),
        ("l1", {"where": "pred"}, "'pred' of the source, given as where, must hold booleans, got float64"),
        ("l1", {"weight": "negative"}, "number >= 0, got -2.0 (in column 'negative' of the source)"),
        ("l1", {"by": "nan"}, "column 'nan' of the source, given as by, must not hold NaN, got 1 of them"),
        ("l1", {"by": "mixed"}, "column 'mixed' of the source, given as by, must hold keys"),
        ("l1", {"target": "short"}, "must have the same length, got rows: 'pred' 2, 'short' 1"),
        ("l1", {"pred": "flat"}, "column 'flat' of the source must have one axis, got shape (2, 1)"),
        ("l1", {"reduction": "none"}, "reduction must be 'mean' or 'sum', got 'none'"),
        ("l1", {"reduction": "avg"}, "reduction must be 'mean', 'sum' or 'none', got 'avg'"),
        ("l1", {"normalizer": 0}, "normalizer must be a finite number > 0, got 0"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told_in_a_line(loss, options, said):
    source = {
        "pred": [1.0, 2.0], "target": [0.0, 1.0], "text": ["a", "b"], "negative": [1.0, -2.0], "short": [1.0],
        "flat": [[1.0], [2.0]], "nan": [1.0, np.nan], "mixed": np.array([1, "a"], object),
    }  # fmt: skip
    with pytest.raises((TypeError, ValueError)) as raised:
        fastloss.evaluate(source, loss, **options)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("source", [5, [1.0, 2.0], None])
def test_other_sources_are_refused(source):
    with pytest.raises(TypeError, match="source must be a path, a mapping of names to arrays, or an Arrow"):
        fastloss.evaluate(source, huber)


def test_without_pyarrow_its_files_are_refused_with_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "data.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow.dataset", None)
    with pytest.raises(
        ImportError, match=r"pyarrow is needed to read .*data.parquet: pip install 'fastloss\[parquet\]'"
    ):
        fastloss.evaluate(tmp_path / "data.parquet", huber)


def test_a_file_of_a_single_array_has_no_columns(tmp_path):
    np.save(tmp_path / "pred.npy", columns()["pred"])
    with pytest.raises(ValueError, match=r"pred\.npy has no column 'pred': it holds a single array"):
        fastloss.evaluate(tmp_path / "pred.npy", huber)


@pytest.mark.parametrize("keys", [[[1], [1, 2]], np.zeros((2, 1)), {1}], ids=["lists", "arrays", "sets"])
def test_keys_that_cannot_be_hashed_are_told(keys):
    held = np.empty(2, object)
    held[:] = list(keys) if len(keys) == 2 else [keys, {1, 2}]
    with pytest.raises(TypeError, match="column 'key' of the source, given as by, must hold keys, such as"):
        fastloss.evaluate({"pred": [1.0, 2.0], "target": [0.0, 0.0], "key": held}, "l1", by="key")
    if isinstance(keys, list):
        with pytest.raises(ValueError, match="evaluate: column 'key' is not an array: "):
            fastloss.evaluate({"pred": [1.0, 2.0], "target": [0.0, 0.0], "key": keys}, "l1", by="key")
