"""bfloat16 on the device: the CPU's bits, by integer instructions that every device has."""

import sys
from types import ModuleType

import numpy as np
import pytest
from numba import cuda

from fastloss import huber
from tests.layouts import LAYOUTS

from .conftest import Foreign
from .test_bits import bits
from .test_libraries import Array, torch

ml_dtypes = pytest.importorskip("ml_dtypes")

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
RNG = np.random.default_rng(31)


def cauchy(*shape):
    return RNG.standard_cauchy(shape).astype(BFLOAT16)


class Typed(Foreign):
    """An array that tells its type, so that results can have it."""

    @property
    def dtype(self):
        return self.form[1]


@pytest.mark.parametrize("other", ["bfloat16", "f2", "f4", "f8", "i2", "?"])
@pytest.mark.parametrize("dtype", ["bfloat16", "f2", "f8", "i4"])
def test_types_have_the_cpus_bits(dtype, other, device):
    pred, target = (RNG.integers(0, 99, 5000) / 7).astype(dtype), (RNG.integers(0, 99, 5000) / 7).astype(other)
    found = huber.value_grad_hess(Typed(pred), Typed(target), delta=1.3, reduction="sum")
    assert bits(found) == bits(huber.value_grad_hess(pred, target, delta=1.3, reduction="sum"))


@pytest.mark.parametrize(
    "layout", [name for name in LAYOUTS if "swapped" not in name and name != "misaligned"]
)
def test_layouts_have_the_cpus_bits(layout, device):
    pred, target, weight = LAYOUTS[layout](cauchy(7, 30, 13)), cauchy(7, 30, 13), abs(cauchy(13))
    expected = huber.value_and_grad(pred, target, weight=weight, delta=2.0)
    for _ in range(3):
        found = huber.value_and_grad(Typed(pred), Typed(target), weight=Typed(weight), delta=2.0)
        assert bits(found) == bits(expected)
    print()
