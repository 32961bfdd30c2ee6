"""Losses of Series, frames and tables: their numbers, missing values and results."""

import doctest
import re
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import xarray as xr

import fastloss
from fastloss import huber
from tests.subprocesses import answer, run_python

PRED, TARGET = np.random.default_rng(5).standard_cauchy((2, 6, 2))
P, T = PRED[:, 0].copy(), TARGET[:, 0].copy()
WITH_NA = [2.5, None, 4.1]
WITH_NAN = np.array([2.5, np.nan, 4.1])
#: The same column, with one missing number, in each library.
COLUMNS = {
    "pandas": lambda: pd.Series(WITH_NAN),
    "pandas Float64": lambda: pd.Series(WITH_NA, dtype="Float64"),
    "pandas Arrow": lambda: pd.Series(WITH_NA, dtype="double[pyarrow]"),
    "pandas array": lambda: pd.array(WITH_NA, dtype="Float64"),
    "pandas index": lambda: pd.Index(WITH_NA, dtype="Float64"),
    "pandas sparse": lambda: pd.Series(WITH_NAN, dtype="Sparse[float]"),
    "polars": lambda: pl.Series(WITH_NA),
    "pyarrow": lambda: pa.array([0.0, *WITH_NA])[1:],
    "pyarrow chunks": lambda: pa.chunked_array([WITH_NA[:1], WITH_NA[1:]]),
    "xarray": lambda: xr.DataArray(WITH_NAN, dims="t"),
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_missing_numbers_are_nan_in_any_place(kind):
    column, others = COLUMNS[kind](), np.zeros(3)
    known = np.array([True, False, True])
    assert np.isnan(huber(column, others))
    for name, call in {
        "pred": lambda x: huber.grad(x, others, reduction="sum"),
        "target": lambda x: huber.grad(others, x, reduction="sum"),
    }.items():
        np.testing.assert_array_equal(call(column), call(WITH_NAN), err_msg=name)
    assert huber(column, others, where=known) == huber(WITH_NAN, others, where=known)
    with pytest.raises(ValueError, match=r"huber: weight must be .*, got nan"):
        huber(others, others, weight=column)
    with pytest.raises(ValueError, match=r"huber: delta must be .*, got nan"):
        huber(others, others, delta=column)


INTEGERS = {
    "pandas": lambda x: pd.Series(x, dtype="Int8"),
    "pandas Arrow": lambda x: pd.Series(x, dtype="int8[pyarrow]"),
    "polars": lambda x: pl.Series(x, dtype=pl.Int8),
    "pyarrow": lambda x: pa.array(x, pa.int8()),
    "pyarrow chunks": lambda x: pa.chunked_array([x, []], pa.int8()),
}
BOOLEANS = {
    "pandas": lambda x: pd.Series(x, dtype="boolean"),
    "pandas Arrow": lambda x: pd.Series(x, dtype="bool[pyarrow]"),
    "polars": lambda x: pl.Series(x, dtype=pl.Boolean),
    "pyarrow": lambda x: pa.array(x, pa.bool_()),
    "pyarrow chunks": lambda x: pa.chunked_array([x, []], pa.bool_()),
}


@pytest.mark.parametrize(("kinds", "kind"), [(k, kind) for k in (INTEGERS, BOOLEANS) for kind in k])
def test_integers_and_booleans_are_numbers_and_those_with_missing_ones_float64(kinds, kind):
    narrow = np.array([0.25, 0.5, 4.0], np.float32)
    for column, expected in (([1, 0, 1], [1.0, 0.0, 1.0]), ([1, None, 1], [1.0, np.nan, 1.0])):
        given = [x if x is None or kinds is INTEGERS else bool(x) for x in column]
        found = huber.grad(narrow, kinds[kind](given), delta=0.3, reduction="none")
        np.testing.assert_array_equal(found, huber.grad(narrow, expected, delta=0.3, reduction="none"))
        assert huber.grad(kinds[kind](given), narrow).dtype == np.float64


@pytest.mark.parametrize("kind", BOOLEANS)
def test_a_mask_is_of_booleans_and_none_is_missing(kind):
    kept = [True, False, True]
    assert huber(P[:3], T[:3], where=BOOLEANS[kind](kept)) == huber(P[:3], T[:3], where=kept)
    missing = (
        "huber: where must be True or False for each element, got missing values: fill them, for example"
    )
    out = np.full(3, 7.0)
    with pytest.raises(ValueError, match=missing):
        huber.grad(P[:3], T[:3], where=BOOLEANS[kind]([True, None, True]), grad_out=out)
    assert (out == 7).all()
    with pytest.raises(TypeError, match="huber: where must hold booleans, got dtype int8; pass where != 0"):
        huber(P[:3], T[:3], where=INTEGERS[kind]([1, 0, 1]))


NULLABLE = {"float32": "Float32", "float64": "Float64", "bool": "boolean"}
FRAMES = {
    "pandas": lambda x: pd.DataFrame(x, columns=["x", "y"]),
    "pandas Float64": lambda x: pd.DataFrame(x, columns=["x", "y"]).astype(NULLABLE[x.dtype.name]),
    "pandas columns": lambda x: pd.DataFrame({"x": x[:, 0], "y": x[:, 1]}),
    "polars": lambda x: pl.DataFrame({"x": x[:, 0], "y": x[:, 1]}),
    "pyarrow": lambda x: pa.table({"x": x[:, 0], "y": x[:, 1]}),
    "pyarrow batch": lambda x: pa.record_batch({"x": x[:, 0], "y": x[:, 1]}),
    "xarray": lambda x: xr.DataArray(x, dims=("row", "column")),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", FRAMES)
def test_frames_are_arrays_of_two_axes(kind, dtype):
    pred, target, mask = PRED.astype(dtype), TARGET.astype(dtype), PRED > 0
    expected = huber.value_and_grad(pred, target, delta=0.5, where=mask, weight=abs(target))
    made = FRAMES[kind]
    options = {"where": made(mask), "weight": made(abs(target))}
    found = huber.value_and_grad(made(pred), made(target), delta=0.5, **options)
    assert found[0] == pytest.approx(expected[0], rel=1e-15)  # the order of axes in memory differs
    np.testing.assert_array_equal(found[1], expected[1])
    assert np.asarray(found[1]).dtype == dtype


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame, pa.table])
def test_columns_of_several_types_have_the_type_that_holds_them_all(kind):
    narrow, small, whole = np.float32([0.1, 0.2]), np.int8([1, 2]), np.array([1, 2])
    found = np.asarray(huber.grad(kind({"x": narrow, "y": small}), np.float32(0), reduction="sum"))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.stack([narrow, np.float32([1, 1])], 1))
    mixed = kind({"x": narrow, "y": whole, "z": [True, False]})
    found = np.asarray(huber.grad(mixed, np.float32(0), reduction="sum"))
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, np.stack([narrow, [1, 1], [1, 0]], 1))


GAPS = {
    "pandas": lambda: pd.DataFrame({"x": pd.array([1, None], "Float64"), "y": pd.array([None, 2], "Int64")}),
    "polars": lambda: pl.DataFrame({"x": [1.0, None], "y": [None, 2]}),
    "pyarrow": lambda: pa.table({"x": [1.0, None], "y": [None, 2]}),
}


@pytest.mark.parametrize("kind", GAPS)
def test_missing_numbers_of_a_frame_are_nan(kind):
    found = huber.grad(GAPS[kind](), 0.0, reduction="sum")
    np.testing.assert_array_equal(found, [[1, np.nan], [np.nan, 1]])


REFUSED = {
    "category": (lambda: pd.Series([1.0, 2.0], dtype="category"), "category"),
    "object": (lambda: pd.Series([1.0, 2.0], dtype=object), "object"),
    "text": (lambda: pd.Series(["a", "b"], dtype="string"), "string"),
    "dates": (lambda: pd.Series(pd.date_range("2020", periods=2)), r"datetime64\["),
    "dates with a zone": (lambda: pd.Series(pd.date_range("2020", periods=2, tz="UTC")), r"datetime64\["),
    "periods": (lambda: pd.period_range("2020", periods=2, freq="D"), r"period\[D\]"),
    "durations": (lambda: pd.Series(pd.to_timedelta([1, 2], "s")), r"timedelta64\["),
    "complex": (lambda: pd.Series([1j, 2.0]), "complex128"),
    "polars text": (lambda: pl.Series(["a", "b"]), "String"),
    "polars dates": (lambda: pl.Series([1, 2]).cast(pl.Date), "Date"),
    "polars decimals": (lambda: pl.Series([1, 2]).cast(pl.Decimal(9, 2)), "Decimal"),
    "polars lists": (lambda: pl.Series([[1], [2, 3]]), "List"),
    "polars categories": (lambda: pl.Series(["a", "b"], dtype=pl.Categorical), "Categorical"),
    "polars nothing": (lambda: pl.Series([None, None]), "Null"),
    "pyarrow text": (lambda: pa.array(["a", "b"]), "string"),
    "pyarrow dates": (lambda: pa.array([1, 2], pa.date32()), "date32"),
    "pyarrow decimals": (lambda: pa.array([1, 2], pa.decimal128(9, 2)), "decimal128"),
    "pyarrow dictionary": (lambda: pa.array([1.0, 2.0]).dictionary_encode(), "dictionary"),
    "pyarrow nothing": (lambda: pa.nulls(2), "null"),
    "pandas decimals": (lambda: pd.Series([1, 2], dtype=pd.ArrowDtype(pa.decimal128(9, 2))), "decimal128"),
    "xarray dates": (lambda: xr.DataArray(pd.date_range("2020", periods=2), dims="t"), "datetime64"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_holds_no_numbers_is_named(kind):
    made, dtype = REFUSED[kind]
    column, out = made(), np.full(2, 7.0)
    for given in ({"pred": column, "target": out}, {"pred": out, "target": out, "weight": column}):
        name = list(given)[-1] if len(given) > 2 else "pred"
        wanted = f"huber: {name} must hold real numbers of at most 64 bits, got dtype {dtype}"
        with pytest.raises(TypeError, match=wanted):
            huber.grad(**given, grad_out=np.full(2, 7.0))
    with pytest.raises(TypeError, match=f"huber: where must hold booleans, got dtype {dtype}"):
        huber.grad(out, 0.0, where=column, grad_out=out)
    assert (out == 7).all()


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame, pa.table])
def test_a_column_without_numbers_is_named(kind):
    with pytest.raises(TypeError, match=r"huber: target's column 'y' must hold real numbers .* got dtype"):
        huber(P[:2], kind({"x": [1.0, 2.0], "y": ["a", "b"]}))
    with pytest.raises(TypeError, match="huber: where's column 'y' must hold booleans, got dtype"):
        huber(PRED[:2], 0.0, where=kind({"x": [True, False], "y": ["a", "b"]}))


def test_what_has_no_numbers_yet_or_several_kinds_of_them_is_named():
    with pytest.raises(TypeError, match=r"huber: pred is a LazyFrame, .* pass pred.collect\(\)"):
        huber(pl.LazyFrame({"x": P}), 0.0)
    with pytest.raises(TypeError, match="huber: target is a Dataset: pass one of its variables"):
        huber(P, xr.Dataset({"x": ("t", P)}))


def test_numbers_of_arrow_and_pandas_are_numbers():
    assert huber(np.float32(P), pa.scalar(0.5)) == huber(np.float32(P), 0.5)
    expected = huber(P, T, delta=0.5, normalizer=3)
    assert huber(P, T, delta=pa.scalar(0.5), normalizer=pa.scalar(3)) == expected
    assert huber(P, T, delta=xr.DataArray(0.5), normalizer=3) == expected
    for missing in (pd.NA, pa.scalar(None, pa.float64())):
        with pytest.raises(TypeError, match="huber: delta must be a number"):
            huber(P, T, delta=missing)


@pytest.mark.parametrize("kind", [pd.Series, pl.Series, pa.array, lambda x: xr.DataArray(x, dims="t")])
def test_outputs_are_numpys(kind):
    name = type(kind(P)).__name__
    with pytest.raises(TypeError, match=f"huber: grad_out must be a NumPy array, got {name}"):
        huber.grad(P, T, grad_out=kind(P))
    with pytest.raises(TypeError, match=f"huber: weights_out must be a NumPy array, got {name}"):
        huber.irls_weights(kind(P), T, weights_out=kind(P))


def test_thresholds_adapt_to_frames():
    frame, kept = pd.DataFrame(PRED, dtype="Float64"), PRED > 0
    given = {"pandas": (frame, frame * 0, pd.DataFrame(kept, dtype="boolean")), "": (PRED, PRED * 0, kept)}
    found = {}
    for kind, (pred, target, where) in given.items():
        moving = fastloss.SelfAdjustingSmoothL1(2)
        ranked = [fastloss.DynamicSmoothL1(k=2, interval=1) for _ in range(2)]
        ranked[0](pred, target, where=where)
        ranked[1](
            *(x[0] if kind else x[:, 0] for x in (pred, target)), where=where[0] if kind else where[:, 0]
        )
        found[kind] = *moving.value_and_grad(pred, target, where=where), moving.beta, [x.beta for x in ranked]
    for one, other in zip(*found.values(), strict=True):
        np.testing.assert_array_equal(one, other)


PAGE = (Path(__file__).parents[2] / "docs" / "recipes" / "frames.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"^## (\w+).*?\n```python\n(.*?)```", PAGE, re.M | re.S)


@pytest.mark.parametrize(("library", "snippet"), SNIPPETS, ids=[library for library, _ in SNIPPETS])
def test_each_snippet_of_the_page_runs_alone(library, snippet):
    test = doctest.DocTestParser().get_doctest(snippet, {}, library, "docs/recipes/frames.md", 0)
    assert {name for name, _ in SNIPPETS} == {"pandas", "Polars", "Arrow", "xarray", "JAX"}
    assert test.examples
    assert doctest.DocTestRunner().run(test).failed == 0


def test_no_library_is_imported():
    code = """
import json, sys
import numpy as np
import fastloss

class Spoken:
    __dlpack__, __dlpack_device__ = np.ones(3).__dlpack__, np.ones(3).__dlpack_device__

fastloss.huber(Spoken(), np.ones(3))
fastloss.huber([1.0], np.ones(1))
print(json.dumps([name for name in ("pandas", "polars", "pyarrow", "xarray", "jax") if name in sys.modules]))
"""
    assert answer(run_python(code)) == []
