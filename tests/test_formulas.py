"""The formulas as plain Python, against exact references and derivatives taken numerically."""

from math import copysign, inf, isnan, nan

import numpy as np
import pytest
from mpmath import mpf
from numba import njit, types

import fastloss
from fastloss.losses import shipped

from .reference import PARAMETERS, REFERENCES, cases

LOSSES = shipped()
ids = [f"{name}-{'-'.join(map(str, params.values()))}" for name, params in cases()]


def errors_around(params):
    """Errors on both sides of each branch, on it, zero, tiny and huge."""
    points = [
        0.0,
        5e-324,
        1e-300,
        1e-9,
        0.1,
        1.0,
        2.5,
        1e6,
        1e150,
        1.5e154,
    ]  # whose square overflows, but not half of it
    for value in params.values():
        points += [value, np.nextafter(value, inf), np.nextafter(value, -inf), value / 2, 2 * value]
    return [sign * float(p) for p in points for sign in (1, -1)]


def test_every_shipped_loss_has_a_reference():
    for name in LOSSES:
        assert name in REFERENCES, f"add {name} to REFERENCES in tests/reference.py"
        assert name in PARAMETERS, f"add {name} to PARAMETERS in tests/reference.py"
    assert set(REFERENCES) == set(PARAMETERS) == set(LOSSES)


@pytest.mark.parametrize(("name", "params"), cases(), ids=ids)
def test_formula_equals_the_reference(name, params):
    for error in errors_around(params):
        got = LOSSES[name].formula(error, 0.0, *params.values())
        expected = REFERENCES[name](mpf(error), *map(mpf, params.values()))
        for g, x in zip(got, expected, strict=True):
            assert g == pytest.approx(float(x), rel=4e-16, abs=1e-307), (error, got, expected)


@pytest.mark.parametrize(("name", "params"), cases(), ids=ids)
def test_derivatives_are_those_of_the_value(name, params):
    """Differences of the exact reference, a step away from every kink."""
    kinks = {0.0, *params.values(), *(-p for p in params.values())}
    exact = [mpf(p) for p in params.values()]
    for error in errors_around(params):
        step = mpf(10) ** -25 * max(abs(mpf(error)), mpf(10) ** -8)
        if any(abs(mpf(error) - k) <= 2 * step for k in kinks):
            continue
        up, here, down = (REFERENCES[name](mpf(error) + s, *exact)[0] for s in (step, 0, -step))
        _, grad, hess = LOSSES[name].formula(error, 0.0, *params.values())
        assert grad == pytest.approx(float((up - down) / (2 * step)), rel=1e-12)
        assert hess == pytest.approx(float((up - 2 * here + down) / step**2), rel=1e-6, abs=1e-300)


@pytest.mark.parametrize(("name", "params"), cases(), ids=ids)
def test_gradient_has_its_limit_on_both_sides_of_each_kink(name, params):
    for kink in params.values():
        if kink == 0:
            continue
        for side in (1, -1):
            below, above = (
                LOSSES[name].formula(side * np.nextafter(kink, to), 0.0, *params.values()) for to in (0, inf)
            )
            assert below[0] == pytest.approx(above[0], rel=1e-14)
            assert below[1] == pytest.approx(above[1], rel=1e-14)


@pytest.mark.parametrize(("name", "params"), cases(), ids=ids)
@pytest.mark.parametrize(("pred", "target"), [(nan, 0.0), (0.0, nan), (nan, nan), (inf, inf), (-inf, -inf)])
def test_nan_stays_nan_in_value_and_gradient(name, params, pred, target):
    value, grad, _ = LOSSES[name].formula(pred, target, *params.values())
    assert isnan(value)
    assert isnan(grad)


@pytest.mark.parametrize(
    ("name", "params", "slope"),
    [
        ("absolute_error", {}, 1.0),
        ("squared_error", {}, inf),
        ("half_squared_error", {}, inf),
        ("huber", {"delta": 0.25}, 0.25),
        ("huber", {"delta": inf}, inf),
        ("smooth_l1", {"beta": 0.25}, 1.0),
        ("smooth_l1", {"beta": 0.0}, 1.0),
    ],
)
@pytest.mark.parametrize("sign", [1, -1])
def test_infinite_error_has_an_infinite_value_and_the_limiting_gradient(name, params, slope, sign):
    for pred, target in ((sign * inf, 0.0), (0.0, -sign * inf), (sign * inf, -sign * inf)):
        value, grad, _ = LOSSES[name].formula(pred, target, *params.values())
        assert value == inf
        assert grad == copysign(slope, sign)


def test_kink_belongs_to_the_quadratic_branch():
    assert fastloss.huber.formula(2.0, 0.0, 2.0)[2] == 1.0
    assert fastloss.huber.formula(-2.0, 0.0, 2.0)[2] == 1.0
    assert fastloss.smooth_l1.formula(2.0, 0.0, 2.0)[2] == 0.5


def test_absolute_error_has_gradient_zero_at_zero():
    assert fastloss.absolute_error.formula(3.0, 3.0) == (0.0, 0.0, 0.0)
    assert fastloss.smooth_l1.formula(3.0, 3.0, 0.0) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_smooth_l1_stays_finite_for_every_small_beta(dtype):
    info = np.finfo(dtype)
    smallest = float(info.smallest_subnormal)
    for beta in (smallest, 3 * smallest, float(info.tiny), 1e-30):
        errors = np.array([0, 1, -1, 2, -3, 5], dtype) * dtype(beta)
        zeros = np.zeros_like(errors)
        value, grad, hess = fastloss.smooth_l1.value_grad_hess(errors, zeros, beta=beta, reduction="none")
        assert np.isfinite(value).all()
        if beta >= 1e-30:  # where a square would underflow
            exact = np.abs(errors) * np.minimum(np.abs(errors) / dtype(beta) / 2, 1)
            exact[3:] = np.abs(errors[3:]) - dtype(beta) / 2
            np.testing.assert_allclose(value, exact, rtol=1e-6)
        assert (abs(grad) <= 1).all()
        assert (grad == np.clip(errors / dtype(beta), -1, 1)).all()
        assert (hess[:3] > 0).all()  # 1 / beta, which may be inf


def test_huber_is_delta_times_smooth_l1():
    rng = np.random.default_rng(3)
    pred, target = rng.standard_cauchy((2, 1000))
    for threshold in (0.1, 1.0, 7.0):
        huber = fastloss.huber(pred, target, delta=threshold, reduction="none")
        smooth = fastloss.smooth_l1(pred, target, beta=threshold, reduction="none")
        np.testing.assert_allclose(huber, threshold * smooth, rtol=1e-15)


@pytest.mark.parametrize("name", LOSSES)
def test_float32_formulas_use_no_float64(name):
    loss = LOSSES[name]
    compiled = njit(error_model="numpy")(loss.formula)
    compiled.compile((types.float32,) * (2 + len(loss.domains)))
    (result,) = compiled.overloads.values()
    assert set(result.signature.return_type.types) == {types.float32}
    body = compiled.inspect_llvm(compiled.signatures[0]).split("define ")[1]
    assert "double" not in body, "a bare literal? write T = type(pred) and T(0.5)"
