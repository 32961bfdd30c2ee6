"""Remembered plain calls accept nothing that the checks would refuse."""

import math

import numpy as np
import pytest

import fastloss
from fastloss import huber, real
from fastloss._cpu import plain as _plain
from fastloss._cpu.layouts import is_plain

from .layouts import misaligned


@pytest.mark.parametrize("bad", [np.nan, -1.0, np.inf])
def test_a_remembered_call_checks_its_weights(bad):
    x, weight = np.ones(3), np.array([1.0, bad, 1.0])
    for options in ({}, {"normalizer": 2.0}, {"reduction": "sum"}, {"reduction": "none"}):
        huber(x, x, weight=x.copy(), **options)
        with pytest.raises(ValueError, match="weight must be a finite number >= 0"):
            huber(x, x, weight=weight, **options)


def test_a_remembered_call_checks_shapes_of_weights_and_masks():
    x = np.ones((2, 3))
    huber(x, x, weight=x.copy())
    huber(x, x, where=x > 0)
    with pytest.raises(ValueError, match="weight must have"):
        huber(x, x, weight=np.ones((3, 2)))
    with pytest.raises(ValueError, match="where must have"):
        huber(x, x, where=np.ones((3, 2), bool))
    with pytest.raises(TypeError, match="where must hold booleans"):
        huber(x, x, where=np.ones((2, 3)))


def test_a_remembered_call_checks_its_denominator():
    x = np.ones(3, np.float32)
    huber.grad(x, x, weight=x.copy())
    for options in ({"weight": x * np.float32(1e-40)}, {"normalizer": 1e-40, "weight": x.copy()}):
        with pytest.raises(ValueError, match="must be a normal number in float32"):
            huber.grad(x, x, **options)
    assert huber(x + 1, x, weight=x * np.float32(1e-40)) == pytest.approx(0.5, rel=1e-4)
    with pytest.raises(ValueError, match="normalizer is only allowed with reduction='mean'"):
        huber(x, x, normalizer=2.0, reduction="sum")
    with pytest.warns(RuntimeWarning, match="a total weight of 0"):
        assert math.isnan(huber(x, x, weight=x * 0))


def test_a_remembered_number_stands_for_no_equal_one():
    @fastloss.loss(k=real())
    def inverse(pred, target, k):
        return 1 / k, pred - target, 0.0

    x = np.zeros(2)
    for k, value in ((-0.0, -math.inf), (0.0, math.inf), (-0.0, -math.inf)):
        assert inverse(x, x, k=k) == value
    huber(x, x, delta=1.0)
    with pytest.raises(TypeError, match="delta must be a number, got complex"):
        huber(x, x, delta=1 + 0j)


def test_a_call_in_place_needs_no_kernel_of_its_own():
    @fastloss.loss
    def own(pred, target):
        return pred - target, pred * target, 1.0

    pred, target = np.arange(600.0), np.full(600, 2.0)
    for _ in range(2):
        own.grad(pred, target, reduction="sum")
    assert own.grad(pred, target, reduction="sum", grad_out=pred) is pred
    assert pred.tolist() == [2.0 * k for k in range(600)]
    assert len(own._kernels) == 1


def test_kernels_get_aligned_arrays_of_this_byte_order_only():
    for x in (misaligned(np.ones(9)), np.ones(9, ">f8")):
        assert not is_plain(x, x.dtype.newbyteorder("="))
        assert not _plain._is_plain(x, x.shape, np.dtype(np.float64))
