"""Losses that users' kernels call with scalars."""

import numpy as np
import pytest
from numba import cuda, types
from numba.core import entrypoints

import fastloss
from tests import ptxrun


def two_losses(out, pred, target):
    i = cuda.grid(1)
    if i < pred.size:
        value, grad, hess = fastloss.huber.value_grad_hess(pred[i], target[i], delta=2.0)
        out[0, i] = value
        out[1, i] = grad
        out[2, i] = hess
        out[3, i] = fastloss.log_cosh(pred[i], target[i])
        out[4, i] = fastloss.poisson_nll(pred[i], target[i])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_several_losses_of_a_kernel_have_the_numbers_of_the_same_outside(dtype):
    entrypoints.init_all()  # `compile_ptx` does not do this by itself
    kind = types.float32 if dtype is np.float32 else types.float64
    row = types.Array(kind, 1, "C")
    kernel = ptxrun.compile(two_losses, (types.Array(kind, 2, "C"), row, row), cc=(9, 0))
    pred, target = np.random.default_rng(1).normal(0, 3, (2, 256)).astype(dtype)
    found = np.empty((5, pred.size), dtype)
    kernel[1, 256](found, pred, target)
    _, grad, hess = fastloss.huber.value_grad_hess(pred, target, delta=2.0, reduction="sum")
    expected = [
        fastloss.huber(pred, target, delta=2.0, reduction="none"),
        grad,
        hess,
        fastloss.log_cosh(pred, target, reduction="none"),
        fastloss.poisson_nll(pred, target, reduction="none"),
    ]
    np.testing.assert_array_equal(found, expected)
