"""Weights, masks and the denominator of a mean."""

import math

import numpy as np
import pytest

import fastloss
from fastloss import huber
from fastloss._cpu.layouts import Table
from fastloss._cpu.table_format import DATA, PARAMS
from fastloss._rules.options import CALLS
from fastloss.losses import shipped

from .calls import data, invoke
from .reference import assert_close, few_cases, reduced

SHAPE = (3, 171)
RNG = np.random.default_rng(3)
WEIGHTS = {
    "none": None,
    "number": 2.5,
    "of one element": [0.3],
    "of each column": RNG.random(171),
    "of each row": RNG.random((3, 1)),
    "of each row, in whole numbers": np.array([[1], [0], [3]]),
    "of each element": RNG.random(SHAPE),
    "of each element, float32": RNG.random(SHAPE, np.float32),
}
MASKS = {
    "none": None,
    "False": False,
    "of each column": RNG.random(171) < 0.8,
    "of each row": [[True], [False], [True]],
    "of each element": RNG.random(SHAPE) < 0.5,
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("weight", WEIGHTS)
def test_weights_and_masks_equal_the_reference(weight, mask, reduction, dtype):
    pred, target = data(SHAPE, dtype)
    options = {"weight": WEIGHTS[weight], "where": MASKS[mask], "reduction": reduction}
    if mask == "False" and reduction == "mean":
        options["normalizer"] = 3.0  # other tests are about the mean of nothing
    expected = reduced("huber", pred, target, dtype=dtype, delta=2.0, **options)
    for call in CALLS:
        results = invoke(huber, call, pred, target, delta=2.0, **options)
        for quantity, result in results.items():
            assert_close(result, expected[quantity], dtype, ulps=6)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(("name", "params"), few_cases())
def test_every_kind_of_loss_is_weighted_and_masked(name, params, call):
    pred, target = data(SHAPE, np.float64, loss=shipped()[name])
    options = {"weight": WEIGHTS["of each element"], "where": MASKS["of each element"], **params}
    expected = reduced(name, pred, target, dtype=np.float64, reduction="mean", **options)
    for quantity, result in invoke(shipped()[name], call, pred, target, **options).items():
        assert_close(result, expected[quantity], np.float64, ulps=6)


@pytest.mark.parametrize("weight", [w for w in WEIGHTS if w != "none"])
def test_weighted_mean_is_numpys_average(weight):
    pred, target = data(SHAPE, np.float64)
    weights = np.broadcast_to(WEIGHTS[weight], SHAPE)
    losses = huber(pred, target, reduction="none")
    assert huber(pred, target, weight=WEIGHTS[weight]) == pytest.approx(
        np.average(losses, weights=weights), rel=1e-14
    )


def test_masked_mean_is_numpys_mean():
    pred, target = data(SHAPE, np.float64)
    losses = huber(pred, target, reduction="none")
    for mask in ("of each column", "of each row", "of each element"):
        kept = np.broadcast_to(MASKS[mask], SHAPE)
        assert huber(pred, target, where=MASKS[mask]) == pytest.approx(losses.mean(where=kept), rel=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("shape", "whole"),
    [
        ((1,), (50_000,)),
        ((4,), (20_000, 4)),
        ((3, 1), (9000, 3, 1)),
        ((1, 5), (40, 500, 5)),
        ((701,), (130, 701)),
        ((40_000,), (2, 40_000)),
        ((9000, 1), (9000, 5)),  # these two do not repeat whole rows
        ((40, 1, 5), (40, 500, 5)),
    ],
)
@pytest.mark.parametrize("threads", [1, 2])
def test_rows_that_repeat_have_the_bits_of_full_arrays(shape, whole, dtype, threads, use_threads):
    use_threads(threads)
    rng = np.random.default_rng(17)
    pred, target = rng.standard_cauchy((2, *whole)).astype(dtype)
    rows = {
        "weight": rng.random(shape, np.float32),
        "where": rng.random(shape) < 0.8,
        "delta": rng.random(shape) + 0.1,
    }
    full = {name: np.broadcast_to(x, whole).copy() for name, x in rows.items()}
    expected = huber.value_and_grad(pred, target, **full)
    for given in (rows, full | {"delta": rows["delta"]}, rows | {"weight": full["weight"]}):
        value, grad = huber.value_and_grad(pred, target, **given)
        np.testing.assert_equal(value, expected[0])
        np.testing.assert_array_equal(grad, expected[1])


def test_a_row_that_repeats_is_not_copied_to_the_size_of_the_input():
    table, row = Table(np.dtype(np.float64), 1), np.ones(4)
    assert table.take(PARAMS, np.broadcast_to(row, (100_000, 4))).size == 0
    assert table.as_array()[table.entries[PARAMS] + DATA] == row.ctypes.data


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_broadcast_weights_and_masks_have_the_bits_of_full_ones(reduction, dtype):
    pred, target = data((200, 171), dtype)
    weight, where = RNG.random((200, 1)), RNG.random(171) < 0.9
    full = {
        "weight": np.ascontiguousarray(np.broadcast_to(weight, pred.shape)),
        "where": np.ascontiguousarray(np.broadcast_to(where, pred.shape)),
    }
    small = huber.value_and_grad(pred, target, weight=weight, where=where, reduction=reduction)
    large = huber.value_and_grad(pred, target, **full, reduction=reduction)
    assert small[0] == large[0]
    np.testing.assert_array_equal(small[1], large[1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rounding_of_weighted_gradients_is_as_documented(dtype):
    pred, target = data(5000, dtype)
    weight = RNG.random(5000).astype(dtype)
    grad = huber.grad(pred, target, reduction="none")
    np.testing.assert_array_equal(huber.grad(pred, target, weight=weight, reduction="sum"), weight * grad)
    total = huber.value_and_grad(pred, target, weight=weight, normalizer=1.0)[0]
    mean, found = huber.value_and_grad(pred, target, weight=weight)
    denominator = total / mean  # up to rounding
    for nearby in (np.nextafter(denominator, 0), denominator, np.nextafter(denominator, np.inf)):
        if (found == weight * grad * dtype(1 / nearby)).all():
            return
    pytest.fail("no denominator near the sum of weights gives these gradients")


@pytest.mark.parametrize("call", CALLS)
def test_left_out_elements_count_nowhere(call):
    pred, target = data(1100, np.float64)
    where = RNG.random(1100) < 0.7
    spoilt_pred, spoilt_target = np.where(where, pred, np.nan), np.where(where, target, np.inf)
    weight = np.where(where, 0.5, np.nan)
    for reduction in ("mean", "sum", "none"):
        expected = invoke(huber, call, pred, target, where=where, weight=0.5, reduction=reduction)
        found = invoke(
            huber, call, spoilt_pred, spoilt_target, where=where, weight=weight, reduction=reduction
        )
        for quantity, result in found.items():
            np.testing.assert_array_equal(result, expected[quantity])
            if np.ndim(result):
                assert not result[~where].any()
                assert not np.signbit(result[~where]).any()


def test_a_zero_weight_does_not_hide_nan():
    pred, target = np.array([np.nan, 1.0]), np.zeros(2)
    value, grad = huber.value_and_grad(pred, target, weight=[0.0, 1.0])
    assert math.isnan(value)
    assert np.isnan(grad).tolist() == [True, False]


@pytest.mark.parametrize("call", CALLS)
def test_normalizer_replaces_the_weights_sum(call):
    pred, target = data(100, np.float64)
    options = {"weight": RNG.random(100), "where": RNG.random(100) < 0.5}
    summed = invoke(huber, call, pred, target, reduction="sum", **options)
    for quantity, result in invoke(huber, call, pred, target, normalizer=4, **options).items():
        np.testing.assert_array_equal(result, summed[quantity] / 4)


NOTHING = {
    "all left out": ({"where": False}, "no elements"),
    "each left out": ({"where": np.zeros(4, bool)}, "no elements"),
    "no weight": ({"weight": 0.0}, "a total weight of 0"),
    "no weights": ({"weight": np.zeros(4)}, "a total weight of 0"),
    "no weight of those kept": (
        {"weight": [1.0, 1.0, 0.0, 0.0], "where": [False, False, True, True]},
        "a total weight of 0",
    ),
}


@pytest.mark.parametrize("case", NOTHING)
def test_the_mean_of_nothing_is_nan_with_a_warning(case):
    options, what = NOTHING[case]
    pred, target = np.array([1.0, 2.0, np.nan, 4.0]), np.zeros(4)
    with pytest.warns(RuntimeWarning, match=f"huber: the mean over {what} is NaN") as caught:
        value, grad, hess = huber.value_grad_hess(pred, target, **options)
    assert caught[0].filename == __file__
    assert math.isnan(value)
    kept = np.broadcast_to(options.get("where", True), 4)
    assert np.isnan(grad).tolist() == np.isnan(hess).tolist() == kept.tolist()
    assert not grad[~kept].any()
    pred[2] = 3.0
    assert huber.value_and_grad(pred, target, normalizer=5.0, **options)[0] == 0.0
    assert huber(pred, target, reduction="sum", **options) == 0.0


def test_gradients_of_the_mean_of_nothing_warn_only_of_nan():
    pred = np.ones(3)
    assert huber.grad(pred, pred, where=False).tolist() == [0.0, 0.0, 0.0]
    with pytest.warns(RuntimeWarning, match="total weight of 0"):
        assert np.isnan(huber.grad(pred, pred, weight=0)).all()


@pytest.mark.parametrize("pred_type", [np.float32, np.float64])
@pytest.mark.parametrize("weight_type", ["f2", "f4", "f8", ">f8", "i1", "u8", "?"])
def test_weights_are_cast_and_do_not_choose_the_type(weight_type, pred_type):
    pred, target = data(500, pred_type)
    weight = (RNG.random(500) * 3).astype(weight_type)
    value, grad = huber.value_and_grad(pred, target, weight=weight)
    expected = huber.value_and_grad(pred, target, weight=weight.astype(pred_type))
    assert value == expected[0]
    assert grad.dtype == pred_type
    np.testing.assert_array_equal(grad, expected[1])


def test_weights_and_masks_of_scalar_calls():
    assert huber.value_and_grad(3.0, 1.0, weight=2, reduction="sum") == (3.0, 2.0)
    assert huber.value_and_grad(3.0, 1.0, weight=2, where=True) == (1.5, 1.0)
    assert fastloss.squared_error(3.0, np.nan, where=False, reduction="sum") == 0.0


def test_empty_arrays_with_weights_and_masks():
    empty = np.empty((0, 3))
    for options in ({"weight": 1.0}, {"weight": empty}, {"where": True}, {"where": np.empty((0, 1), bool)}):
        with pytest.warns(RuntimeWarning, match="the mean over"):
            assert math.isnan(huber(empty, empty, **options))
        assert huber(empty, empty, reduction="sum", **options) == 0.0
        assert huber.grad(empty, empty, reduction="none", **options).shape == (0, 3)
    with pytest.raises(ValueError, match="weight must be"):
        huber(empty, empty, weight=-1.0, reduction="sum")
    assert huber(empty.astype("f4"), empty.astype("f4"), weight=empty, delta=empty, reduction="sum") == 0.0
