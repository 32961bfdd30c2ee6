"""Elementary functions: their accuracy, special numbers, and the same bits in Python as compiled."""

import re
from fractions import Fraction
from math import inf

import mpmath
import numpy as np
import pytest
from mpmath import mpf

from fastloss import math
from fastloss._math import coefficients
from tests.special import bits, special
from tools import minimax
from tools.accuracy import REFERENCES, computed, numbers64, pairs, worst32, worst64
from tools.remez import fitted, value_at

TYPES = [np.float32, np.float64]
UNARY = [name for name in math.__all__ if name not in ("pow", "fma")]


def stated(name):
    """The largest errors in float32 and float64 that the documentation of a function states."""
    found = re.search(r"([\d.]+) ulp in float32 and ([\d.]+) in\s+float64", getattr(math, name).__doc__)
    return {np.float32: float(found[1]), np.float64: float(found[2])}


@pytest.mark.parametrize("name", REFERENCES)
def test_errors_in_float32_are_not_above_those_stated(name):
    count = 1 << 19
    every = np.arange(0, 1 << 32, (1 << 32) // count + 1, dtype=np.uint64).astype(np.uint32).view(np.float32)
    dense = np.random.default_rng(1).uniform(-20, 20, count).astype(np.float32)
    near = np.random.default_rng(2).uniform(-1, 1, count).astype(np.float32)
    given = (
        [pairs(np.float32, count, 7)] if name == "pow" else [[every], [dense], [near], [np.float32(1) + near]]
    )
    worst = max(worst32(name, *args)[0] for args in given)
    assert 0.5 <= worst <= stated(name)[np.float32] <= 1


@pytest.mark.parametrize("name", REFERENCES)
def test_errors_in_float64_are_not_above_those_stated(name):
    worst, _ = worst64(name, *numbers64(name, 80))
    assert 0.5 <= worst <= stated(name)[np.float64] <= 1


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", [*REFERENCES, "sqrt"])
def test_special_numbers_are_treated_as_numpy_does(name, dtype):
    args = special(dtype, 2 if name == "pow" else 1)
    with np.errstate(all="ignore"):
        reference = np.sqrt if name == "sqrt" else REFERENCES[name][0]
        expected = reference(*(x.astype(np.float64) for x in args)).astype(dtype)
    found = computed(name, *args)
    with np.errstate(over="ignore"):
        one_more, one_less = np.nextafter(expected, dtype(inf)), np.nextafter(expected, dtype(-inf))
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    same = (found >= one_less) & (found <= one_more) & (np.signbit(found) == np.signbit(expected))
    exact = np.isin(expected, [0, 1, -1, inf, -inf])
    assert (np.isnan(found) | np.where(exact & (name != "exp"), found == expected, same)).all()


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", math.__all__)
def test_python_gives_the_bits_of_compiled_code(name, dtype):
    rng = np.random.default_rng(3)
    count = {"fma": 3, "pow": 2}.get(name, 1)
    random = rng.integers(
        0, 1 << 8 * dtype().nbytes, (count, 100), f"u{dtype().nbytes}", endpoint=False
    ).view(dtype)
    args = [
        np.concatenate([rng.permutation(each)[:60], *parts])
        for each, *parts in zip(
            special(dtype, count), random, rng.normal(0, 9, (count, 60)).astype(dtype), strict=True
        )
    ]
    function = getattr(math, name)
    python = float if dtype is np.float64 else np.float32
    found = [function(*map(python, point)) for point in zip(*args, strict=True)]
    assert {type(x) for x in found} == {python}
    np.testing.assert_array_equal(bits(np.array(found, dtype)), bits(computed(name, *args)))


def test_other_numbers_are_taken_as_float64():
    for x in (2, True, np.float64(2), np.int8(2), np.float16(2)):
        assert type(math.exp(x)) is float
        assert math.exp(x) == math.exp(float(x))
    assert math.pow(np.float32(2), 3) == 8.0
    assert type(math.pow(np.float32(2), 3)) is float
    assert computed("exp", np.array([2])).tolist() == [7]  # the result for an int64, cast to int64


def exactly(*numbers):
    x, y, z = map(Fraction, numbers)
    return x * y + z


def test_a_fused_multiply_add_rounds_once():
    rng = np.random.default_rng(4)
    for _ in range(300):
        x, y = np.ldexp(rng.uniform(-1, 1, 2), rng.integers(-500, 500, 2)).tolist()
        z = float(-x * y * rng.choice([1, 1 + 2.0**-52, 1 + 2.0**-30, 2.0**60, 2.0**-60]))
        assert math.fma(x, y, z) == float(exactly(x, y, z))
    # Halfway between two float32, except for a bit that rounding to float64 first would lose.
    x, z = np.float32(1 + 2.0**-12), np.float32(2.0**-70)
    assert math.fma(x, x, z) == np.float32(1 + 2.0**-11 + 2.0**-23)
    assert math.fma(x, x, -z) == np.float32(1 + 2.0**-11)
    assert math.fma(5e-324, 0.5, 5e-324) == 1e-323
    assert math.fma(1e200, 1e200, -inf) == -inf
    assert math.fma(1e200, -1e200, 0.0) == -inf
    assert str(math.fma(-0.0, 1.0, -0.0)) == "-0.0"
    assert str(math.fma(-1e-200, 1e-200, 0.0)) == "-0.0"


# ---- where the coefficients come from


@pytest.fixture
def digits():
    with mpmath.workdps(60):
        yield


@pytest.mark.usefixtures("digits")
@pytest.mark.parametrize("polynomial", minimax.polynomials(), ids=lambda each: each.name)
def test_polynomials_are_as_exact_as_stated(polynomial):
    text = minimax.OUTPUT.read_text()
    stated = re.search(rf"((?:^#: .*\n)+){polynomial.name} = ", text, re.MULTILINE)[1].replace("\n#:", "")
    values = getattr(coefficients, polynomial.name)
    for kind, found in zip(
        polynomial.degrees, values if len(polynomial.degrees) > 1 else [values], strict=True
    ):
        limit = mpf(2) ** mpf(re.search(rf"2\*\*(-[\d.]+) in {kind}", stated)[1])
        low, high = polynomial.interval
        points = [low + (high - low) * (k + mpf("0.37")) / 101 for k in range(101)]
        given = [mpf(float(coefficient)) for coefficient in found]
        errors = [abs(value_at(t, given) - polynomial.function(t)) * polynomial.weight(t) for t in points]
        assert limit / 2 < max(errors) <= limit * mpf("1.01")


@pytest.mark.usefixtures("digits")
def test_coefficients_are_those_that_the_program_finds():
    (exp,) = (each for each in minimax.polynomials() if each.name == "EXP")
    found, _ = fitted(exp, "float32")
    assert coefficients.EXP[0] == tuple(np.float32(float(c)) for c in found)
    for constant in minimax.constants():
        for values, own in zip(constant.values.values(), getattr(coefficients, constant.name), strict=True):
            listed = values if isinstance(values, list) else [values]
            assert [mpf(float(x)) for x in np.atleast_1d(own)] == listed


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", ["expm1", "log1p", "sqrt", "tanh"])
def test_zero_keeps_its_sign(name, dtype):
    for zero in (0.0, -0.0):
        x = np.full(3, zero, dtype)
        for found in (computed(name, x), np.array([getattr(math, name)(dtype(zero))])):
            assert (found == 0).all()
            assert (np.signbit(found) == np.signbit(zero)).all()
