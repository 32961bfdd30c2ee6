"""Labels of Series and frames: results have those of pred, and operands with other labels are refused."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import xarray as xr

import fastloss
from fastloss import huber

PRED, TARGET = np.random.default_rng(5).standard_cauchy((2, 6, 2))
P, T = PRED[:, 0].copy(), TARGET[:, 0].copy()
#: Labels with duplicates.
ROWS = pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("a", 2), ("b", 1), ("b", 2), ("b", 3)])
OTHERS = ROWS[[0, 1, 2, 3, 5, 4]]
SERIES = pd.Series(P, ROWS, name="predicted")
FRAME = pd.DataFrame(PRED, ROWS, ["x", "y"])
OPTIONS = {"delta": 0.5, "reduction": "none"}


@pytest.mark.parametrize(
    "call", ["grad", "value_and_grad", "grad_and_hess", "value_grad_hess", "irls_weights"]
)
@pytest.mark.parametrize("pred", [SERIES, FRAME], ids=["series", "frame"])
def test_elementwise_results_have_preds_kind_and_labels(pred, call):
    target = pd.Series(T, ROWS, name="observed") if pred is SERIES else FRAME * 0
    found = getattr(huber, call)(pred, target, **OPTIONS)
    expected = getattr(huber, call)(pred.to_numpy(), target.to_numpy(), **OPTIONS)
    results = found if isinstance(found, tuple) else (found,)
    for result, array in zip(results, expected if isinstance(found, tuple) else (expected,), strict=True):
        assert type(result) is type(pred)
        assert result.index is pred.index
        if pred is FRAME:
            assert result.columns is FRAME.columns
        else:
            assert result.name == "predicted"
        np.testing.assert_array_equal(result, array)
    assert type(huber(pred, target, **OPTIONS)) is type(pred)
    value, grad = huber.value_and_grad(pred, target)
    assert type(value) is float
    assert type(grad) is type(pred)


def test_a_result_has_preds_name_and_numpys_type():
    for dtype in ("Float32", "float[pyarrow]", np.float32):
        grad = huber.grad(SERIES.astype(dtype), np.float32(T))
        assert (grad.name, grad.dtype) == ("predicted", np.float32)
    assert huber.grad(SERIES.astype(np.float32).round().astype("Int64"), T).dtype == np.float64


def test_results_share_no_memory_and_can_be_changed():
    for pred in (SERIES.copy(), FRAME.copy(), SERIES.astype("double[pyarrow]")):
        before = pred.copy()
        value, grad = huber.value_and_grad(pred, 0.0, **OPTIONS)
        kept = value.copy()
        grad.iloc[0] = 77.0
        value.iloc[1] = 77.0
        assert pred.equals(before)
        assert value.iloc[0:1].equals(kept.iloc[0:1])
        assert not np.shares_memory(np.asarray(grad), np.asarray(pred))


def test_results_without_labels_of_pred_are_arrays():
    for pred in (P, list(P), pd.Index(P), pd.array(P), pl.Series(P), pa.array(P), xr.DataArray(P, dims="t")):
        value, grad = huber.value_and_grad(pred, pd.Series(T), **OPTIONS)
        assert type(value) is type(grad) is np.ndarray


def test_a_given_output_is_returned_itself_beside_new_ones_with_labels():
    out = np.zeros(6)
    value, grad = huber.value_and_grad(SERIES, T, grad_out=out, **OPTIONS)
    assert grad is out
    assert type(value) is pd.Series
    np.testing.assert_array_equal(out, huber.grad(P, T, **OPTIONS))


#: Operands whose labels differ from those of pred, and what the message says of the difference.
DIFFERENT = {
    "target": (SERIES.set_axis(OTHERS), "('b', 3) at position 4, not ('b', 2)"),
    "weight": (abs(SERIES.set_axis(range(6))), "0 at position 0, not ('a', 1)"),
    "where": ((SERIES > 0)[::-1], "('b', 3) at position 0, not ('a', 1)"),
    "delta": (abs(SERIES)[1:], "5 labels, not 6"),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_another_index_is_an_error_that_says_how_it_differs(name):
    operand, said = DIFFERENT[name]
    out = np.full(6, 7.0)
    with pytest.raises(ValueError, match="huber: ") as error:
        huber.grad(SERIES, **({"target": T} | {name: operand}), grad_out=out)
    how = f"; pass {name}.to_numpy() to match by position" if len(operand) == 6 else ""
    assert str(error.value) == f"huber: {name} does not have the index of pred: {said}{how}"
    assert (out == 7).all()
    huber(SERIES[-len(operand) :], **({"target": T[-len(operand) :]} | {name: operand.to_numpy()}))


def test_the_advice_for_labels_in_another_order_works():
    frame, series = FRAME.set_axis(list("abcdef")), pd.Series(abs(T), list("abcdef"))
    swapped, deltas = frame[["y", "x"]], pd.Series([2.0, 0.5], ["y", "x"])
    polars = pl.DataFrame({name: frame[name].to_numpy() for name in frame})
    for pred, operands, how in (
        (series, {"target": T, "weight": series[::-1]}, lambda x: x.reindex_like(series)),
        (frame, {"target": swapped}, lambda x: x.reindex_like(frame)),
        (polars, {"target": swapped.reset_index(drop=True)}, lambda x: x.reindex(columns=["x", "y"])),
        (polars, {"target": TARGET, "delta": deltas}, lambda x: x.reindex(["x", "y"])),
        (
            frame,
            {"target": TARGET, "weight": series[::-1]},
            lambda x: x.reindex(frame.index).to_numpy()[:, None],
        ),
    ):
        name, operand = list(operands.items())[-1]
        with pytest.raises(ValueError, match=rf"{name} does not have the .* of pred: .*; .* {name}\.reindex"):
            huber(pred, **operands)
        weight = abs(T) if pred is series else abs(T)[:, None]
        right = {"target": frame.to_numpy(), "delta": [0.5, 2.0], "weight": weight}[name]
        assert huber(pred, **operands | {name: how(operand)}) == huber(pred, **operands | {name: right})


def test_labels_are_compared_without_pred_too():
    target = pd.Series(T, ROWS)
    assert huber(P, target, weight=abs(target)) == huber(P, T, weight=abs(T))
    with pytest.raises(ValueError, match="huber: delta does not have the index of target: "):
        huber(P, target, delta=abs(target.set_axis(OTHERS)))


def test_equal_labels_of_other_types_agree():
    floats = pd.Series(T, pd.Index(np.arange(6.0)))
    assert huber(pd.Series(P), floats) == huber(P, T)
    gaps = [0, 1, np.nan, 3, np.nan, 5]
    assert huber(pd.Series(P, gaps), pd.Series(T, gaps)) == huber(P, T)


def test_columns_are_compared_too():
    assert huber(FRAME, FRAME * 0) == huber(PRED, 0.0)
    with pytest.raises(
        ValueError, match="huber: target does not have the columns of pred: 'y' at position 0, not 'x'"
    ):
        huber(FRAME, FRAME[["y", "x"]])
    with pytest.raises(ValueError, match=r"huber: target does not have the index of pred: 0 at position 0"):
        huber(FRAME, FRAME.reset_index(drop=True))
    assert huber(FRAME, FRAME[["y", "x"]].reindex_like(FRAME)) == 0


def test_a_series_beside_a_frame_is_of_its_columns():
    columns = pd.Series([0.5, 2.0], ["x", "y"])
    assert huber(FRAME, TARGET, delta=columns) == huber(PRED, TARGET, delta=[0.5, 2.0])
    with pytest.raises(
        ValueError,
        match=r"delta does not have the columns of pred: 'y' at position 0, .*delta.reindex\(pred.columns\)",
    ):
        huber(FRAME, TARGET, delta=columns[::-1])
    assert huber(FRAME, TARGET, delta=columns[::-1].reindex(FRAME.columns)) == huber(
        FRAME, TARGET, delta=columns
    )
    with pytest.raises(
        ValueError, match=r"columns of pred: 'z' at position 1, not 'y'; pass delta\.to_numpy"
    ):
        huber(FRAME, TARGET, delta=columns.set_axis(["x", "z"]))
    with pytest.raises(ValueError, match=r"weight does not have the columns of pred: 6 labels, not 2$"):
        huber(FRAME, TARGET, weight=pd.Series(abs(T), OTHERS))
    rows = pd.Series(abs(T), ROWS)
    with pytest.raises(
        ValueError,
        match=r"huber: weight has a label for each row of pred, .*: pass weight.to_numpy\(\)\[:, None\]$",
    ):
        huber(FRAME, TARGET, weight=rows)
    square = FRAME[:2]  # here NumPy would take the weight of each row as one of each column
    with pytest.raises(ValueError, match="huber: weight has a label for each row of pred"):
        huber(square, 0.0, weight=rows[:2])
    assert huber(FRAME, TARGET, weight=rows.to_numpy()[:, None]) == huber(
        PRED, TARGET, weight=abs(T)[:, None]
    )


@pytest.mark.parametrize(
    "kind", [lambda x: pd.DataFrame(x), lambda x: pl.DataFrame(x), lambda x: pa.table(x)]
)
@pytest.mark.parametrize("pred", [P, SERIES, list(P)], ids=["array", "series", "list"])
def test_a_frame_beside_one_column_is_refused(kind, pred):
    with pytest.raises(
        ValueError, match=r"huber: target is a frame of shape \(6, 1\), but pred has one axis"
    ):
        huber(pred, kind({"y": T}))


@pytest.mark.parametrize("kind", [pl.DataFrame, pa.table])
def test_columns_without_an_index_may_have_other_names_but_not_each_others(kind):
    pred, target = kind({"x": P, "y": T}), {"x": P, "y": T}
    assert huber(pred, kind({"u": P, "v": T})) == huber(pred, kind(target)) == 0
    exchanged = kind({"y": T, "x": P})
    for given in (pred, FRAME.reset_index(drop=True)):
        with pytest.raises(ValueError, match="huber: target does not have the columns of pred: ") as error:
            huber(given, exchanged)
        assert str(error.value).endswith("align them, for example by target.select(['x', 'y'])")
    assert huber(pred, exchanged.select(["x", "y"])) == 0


GRID = xr.DataArray(PRED, dims=("time", "place"), coords={"time": [1, 2, 3, 5, 8, 13]})


def test_dimensions_are_compared_by_name():
    assert huber(GRID, GRID[0]) == huber(PRED, PRED[0])  # its dimensions are the last ones of pred
    said = "huber: target has the dimensions ('place', 'time'), pred ('time', 'place'): "
    with pytest.raises(ValueError, match="huber: target") as error:
        huber(GRID, GRID.T)
    assert str(error.value) == said + "reorder them, for example by target.transpose('time', 'place')"
    with pytest.raises(ValueError, match=r"huber: target has the dimensions \('place', 'time'\)"):
        huber(GRID[:2], GRID[:2].T)  # both have the same shape
    assert huber(GRID, GRID.T.transpose("time", "place")) == 0
    weight = abs(GRID[:, 0])
    with pytest.raises(ValueError, match=r"huber: weight has the dimensions \('time',\), pred") as error:
        huber(GRID, TARGET, weight=weight)
    spread = eval(str(error.value).partition("example by ")[2], {"weight": weight, "pred": GRID})
    assert huber(GRID, TARGET, weight=spread) == huber(PRED, TARGET, weight=abs(PRED[:, :1]))


def test_coordinates_are_compared():
    other = GRID.assign_coords(time=[1, 2, 3, 5, 8, 14])
    with pytest.raises(
        ValueError, match="huber: target does not have the coordinate 'time' of pred: 14 at position 5"
    ) as e:
        huber(GRID, other)
    assert "align them, for example by xarray.align(pred, target), or pass target.to_numpy()" in str(e.value)
    pred, target = xr.align(GRID, other)
    assert huber(pred, target) == 0
    assert huber(GRID, other.drop_vars("time")) == huber(GRID, GRID.variable) == 0


def test_the_thresholds_of_frames_that_do_not_fit_stay():
    losses = fastloss.SelfAdjustingSmoothL1(2), fastloss.DynamicSmoothL1(interval=1)
    for loss in losses:
        before = loss.state_dict()
        with pytest.raises(ValueError, match="target does not have the columns of pred"):
            loss(FRAME, FRAME[["y", "x"]])
        assert loss.state_dict() == before
