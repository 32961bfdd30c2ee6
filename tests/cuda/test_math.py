"""Elementary functions on a device: the same bits as on the CPU, in users' kernels and in those of losses."""

import numpy as np
import pytest
from numba import cuda, types
from numba.core import entrypoints

import fastloss
from fastloss import math
from tests import ptxrun
from tests.ptxrun.kernels import each_device
from tests.special import bits, special
from tools.accuracy import computed

from .conftest import Foreign

NAMES = math.__all__


def every(out, x, y, z):
    i = cuda.grid(1)
    if i < x.size:
        out[0, i] = math.exp(x[i])
        out[1, i] = math.expm1(x[i])
        out[2, i] = math.fma(x[i], y[i], z[i])
        out[3, i] = math.log(x[i])
        out[4, i] = math.log1p(x[i])
        out[5, i] = math.log1p_exp(x[i])
        out[6, i] = math.pow(x[i], y[i])
        out[7, i] = math.sigmoid(x[i])
        out[8, i] = math.sqrt(x[i])
        out[9, i] = math.tanh(x[i])


def numbers(dtype):
    """Numbers of all kinds: random bits, normally distributed ones, and combinations of special ones."""
    rng = np.random.default_rng(6)
    unsigned = f"u{dtype().nbytes}"
    kinds = []
    for column in special(dtype, 2) + special(dtype, 1):
        anything = rng.integers(0, np.iinfo(unsigned).max, 8000, unsigned, endpoint=True).view(dtype)
        usual = [rng.normal(0, width, 4000).astype(dtype) for width in (0.3, 3, 60)]
        kinds.append(np.concatenate([np.resize(column, 1200), anything, *usual]))
    return kinds


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@each_device
def test_all_functions_have_the_cpus_bits(cc, dtype):
    entrypoints.init_all()  # `compile_ptx` does not do this by itself
    kind = types.float32 if dtype is np.float32 else types.float64
    row = types.Array(kind, 1, "C")
    kernel = ptxrun.compile(every, (types.Array(kind, 2, "C"), row, row, row), cc=cc)
    assert not any("approx" in opcode for opcode in ptxrun.instructions(kernel.ptx))
    args = numbers(dtype)
    found = np.empty((len(NAMES), args[0].size), dtype)
    kernel[-(-found.shape[1] // 256), 256](found, *args)
    for name, results in zip(NAMES, found, strict=True):
        count = {"fma": 3, "pow": 2}.get(name, 1)
        np.testing.assert_array_equal(bits(results), bits(computed(name, *args[:count])), err_msg=name)


def test_anybodys_kernel_may_call_them(emulated):
    @cuda.jit
    def users(out, x):
        i = cuda.grid(1)
        if i < x.size:
            out[i] = math.tanh(x[i])

    x = np.linspace(-3, 3, 100, dtype=np.float32)
    out = cuda.device_array(100, np.float32)
    users._compilation_chain_init_hook()  # the first step of a launch, which the emulated device omits
    users[128, 32](out, cuda.to_device(x))
    np.testing.assert_array_equal(out.copy_to_host(), computed("tanh", x))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_losses_that_call_them_have_the_cpus_bits(dtype, device):
    @fastloss.loss
    def softplus(pred, target):
        error = pred - target
        return math.log1p_exp(error), math.sigmoid(error), math.exp(-abs(error))

    pred, target = np.random.default_rng(8).standard_normal((2, 3000)).astype(dtype)
    found = softplus.value_grad_hess(Foreign(pred), Foreign(target))
    for ours, cpus in zip(found, softplus.value_grad_hess(pred, target), strict=True):
        np.testing.assert_array_equal(ours.copy_to_host(), cpus)
