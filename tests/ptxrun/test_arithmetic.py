"""Arithmetic on integers and floats, and the functions of math, have the results of NumPy."""

import math

import numpy as np
import pytest
from numba import cuda, float32, types

from tests import ptxrun

from .kernels import F4, F8, I8, each_device, normal


@each_device
def test_integers(cc):
    def integers(a, b, out):
        i = cuda.grid(1)
        if i < a.size:
            out[i] = (
                (a[i] // b[i]) * 7 + (a[i] % b[i]) + (a[i] >> 3) + a[i] * b[i] + (a[i] ^ b[i]) + abs(a[i])
            )

    rng = np.random.default_rng(3)
    a, b = rng.integers(-(10**12), 10**12, 300), rng.integers(1, 10**6, 300) * rng.choice([-1, 1], 300)
    out = np.zeros(300, "i8")
    ptxrun.compile(integers, (I8, I8, I8), cc)[3, 128](a, b, out)
    assert np.array_equal(out, (a // b) * 7 + (a % b) + (a >> 3) + a * b + (a ^ b) + abs(a))


@each_device
def test_half_precision(cc):
    def halves(a, wide, narrow):
        i = cuda.grid(1)
        if i < a.size:
            wide[i] = float32(a[i])
            narrow[i] = types.float16(float32(a[i]) * float32(1.1))

    every = np.arange(65536, dtype="u2").view("f2")
    every = every[~np.isnan(every)]
    wide, narrow = np.zeros(every.size, "f4"), np.zeros(every.size, "f2")
    half = types.float16[::1]
    ptxrun.compile(halves, (half, F4, half), cc)[256, 256](every, wide, narrow)
    with np.errstate(over="ignore"):
        expected = (every.astype("f4") * np.float32(1.1)).astype("f2")
    assert np.array_equal(wide, every.astype("f4")) and np.array_equal(narrow, expected)


@each_device
@pytest.mark.parametrize("fastmath", [False, True])
def test_math_functions(cc, fastmath):
    def functions(a, out):
        i = cuda.grid(1)
        if i < a.size:
            x = a[i]
            out[i] = (
                math.log1p(math.exp(-abs(x))) + math.tanh(x) * math.sqrt(abs(x)) + math.erf(x) * math.sin(x)
            )

    for array, tolerance in ((F4, 3e-6), (F8, 1e-14)):
        a = 4 * normal(2000, dtype=array.dtype.name)
        out = np.zeros_like(a)
        ptxrun.compile(functions, (array, array), cc, fastmath=fastmath)[8, 256](a, out)
        wide = a.astype("f8")
        erf = np.array([math.erf(x) for x in wide])
        exact = np.log1p(np.exp(-abs(wide))) + np.tanh(wide) * np.sqrt(abs(wide)) + erf * np.sin(wide)
        assert abs(out - exact).max() < tolerance


def test_large_sine_uses_a_called_function():
    def sine(a, out):
        i = cuda.grid(1)
        if i < a.size:
            out[i] = math.sin(a[i])

    a = normal(2000, dtype="f8") * 10.0 ** np.random.default_rng(1).uniform(-3, 18, 2000)
    out = np.zeros_like(a)
    run = ptxrun.compile(sine, (F8, F8), (7, 5))
    run[8, 256](a, out)
    assert "call" in run.ptx and abs(out - np.sin(a)).max() < 1e-15
