"""Weights that are negative, infinite, NaN or lost in the cast are refused, unless a mask leaves them out."""

import numpy as np
import pytest

from fastloss import huber

from .refused import A, F, assert_refused

BAD = {
    "negative": ([1.0, -1.0, 1.0], "weight must be a finite number >= 0, got -1.0"),
    "negative number": (-2, "weight must be a finite number >= 0, got -2.0"),
    "NaN": ([1.0, np.nan, 1.0], "weight must be a finite number >= 0, got nan"),
    "infinite": ([np.inf, 1.0, 1.0], "weight must be a finite number >= 0, got inf"),
    "negative integer": (np.array([1, 2, -3]), "weight must be a finite number >= 0, got -3.0"),
    "negative float16": (np.array([1, 2, -3], "f2"), "weight must be a finite number >= 0, got -3.0"),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("case", BAD)
def test_bad_weights_are_refused_and_nothing_is_written(case, reduction, dtype):
    weight, message = BAD[case]
    pred = np.ones((2, 3), dtype)
    full = np.broadcast_to(np.asarray(weight), (2, 3))
    for given in (weight, full, full.astype(np.float64), full.astype(np.float32), full.copy("F")):
        for where in (None, np.ones((2, 3), bool)):
            out = np.full((2, 3), 7, dtype)
            with pytest.raises(ValueError, match=f"huber: {message}"):
                huber.grad(pred, pred, weight=given, where=where, reduction=reduction, grad_out=out)
            assert (out == 7).all()


@pytest.mark.parametrize("weight", [-1e-50, [1.0, -1e-50, 1.0]])
def test_weights_are_checked_before_they_are_cast(weight):
    pred = np.ones(3, np.float32)
    with pytest.raises(ValueError, match="weight must be a finite number >= 0, got -1e-50"):
        huber(pred, pred, weight=weight)
    assert huber(pred, pred, weight=np.abs(weight) * 1e20) == 0.0


@pytest.mark.parametrize("weight", [1e39, [1.0, 1e39, 1.0]])
def test_weights_that_the_cast_makes_infinite_are_refused(weight):
    pred = np.ones(3, np.float32)
    with pytest.raises(ValueError, match=r"weight=1e\+39 is inf in float32, the type of this computation"):
        huber(pred, pred, weight=weight)
    assert huber(pred.astype(float), pred, weight=weight) == 0.0


def test_weights_of_left_out_elements_are_not_checked():
    pred = np.ones((2, 3), np.float32)
    for dtype in (np.float32, np.float64):
        weight = np.array([[1.0], [-1.0]], dtype)
        assert huber(pred, 0.0, weight=weight, where=[[True], [False]]) == 0.5
        with pytest.raises(ValueError, match=r"weight must be .* got -1.0"):
            huber(pred, 0.0, weight=weight, where=[True, False, False])


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf, 1e39])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_whatever_the_weight_of_a_left_out_element_is(dtype, bad):
    with np.errstate(over="ignore"):
        weight = np.array([1.0, bad, 1.0]).astype(dtype)
    assert huber(np.ones(3, np.float32), 0.0, weight=weight, where=[True, False, True]) == 0.5


@pytest.mark.usefixtures("remembered")
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: huber.grad(F, F, weight=np.float32(1e-40)),
            "derivatives are multiplied by 1 / the sum of weights, which must be a normal number in float32",
        ),
        (
            lambda: huber.grad(A, A, weight=[1e308, 1e308, 0.0]),
            "must be a normal number in float64, the type of this computation, got the sum of weights = inf",
        ),
    ],
    ids=["too small", "infinite"],
)
def test_weights_whose_sum_has_no_reciprocal_are_refused(call, message):
    assert_refused(call, ValueError, message)
