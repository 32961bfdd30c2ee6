"""The formulas, as plain Python and in docstrings, against exact references and numerical derivatives."""

import re
from math import inf, isnan, nan

import numpy as np
import pytest
from mpmath import mp, mpf
from numba import njit, types

import fastloss
from fastloss.losses import formula_of, shipped

from .exact import REFERENCES
from .reference import cases, inside, name_of, points

LOSSES = shipped()
LARGEST = float(np.finfo(float).max)


def called(name, pred, target, *params):
    """Call the formula in Python with NumPy scalars, for which division by 0 is no error, as in a kernel."""
    with np.errstate(all="ignore"):
        return LOSSES[name].formula(np.float64(pred), np.float64(target), *map(np.float64, params))


def test_every_shipped_loss_has_a_reference():
    for name in LOSSES:
        assert name in REFERENCES, f"add a reference of {name} to tests/exact"
    assert REFERENCES.keys() == LOSSES.keys()


@pytest.mark.parametrize("name", LOSSES)
def test_every_parameter_is_tested_with_two_values_or_more(name):
    for parameter in LOSSES[name].domains:
        values = {choice[parameter] for choice in REFERENCES[name].choices}
        assert len(values) > 1, f"add values of {parameter} to the reference of {name} in tests/exact"


@pytest.mark.parametrize("case", cases(), ids=name_of)
def test_formula_equals_the_reference(case):
    name, params = case
    reference = REFERENCES[name]
    for pred, target in points(name, params):
        numbers = [mpf(number) for number in (pred, target, *params.values())]
        expected = list(map(float, reference.exact(*numbers)))
        got = called(name, pred, target, *params.values())
        for g, x, size, twice in zip(got, expected, reference.sizes(*numbers), (1, 1, 2), strict=True):
            bound = twice * reference.ulps * 2.0**-52 * min(float(size), LARGEST) + 1e-307
            if isnan(g) and LARGEST < size < inf:
                continue  # more than one term overflows
            assert g == pytest.approx(x, rel=0, abs=bound, nan_ok=True), (pred, target, got, expected)


@pytest.mark.parametrize("case", cases(), ids=name_of)
def test_derivatives_are_those_of_the_value(case):
    """Compare with differences of the exact reference, except at kinks, where its two sides differ."""
    name, params = case
    reference, looked_at = REFERENCES[name], 0
    with mp.workdps(250):
        for pred, target in points(name, params):
            numbers = [mpf(number) for number in (pred, target, *params.values())]
            step = mpf(10) ** -60 * max(abs(numbers[0]), mpf(10) ** -8)
            if not inside(name, numbers[0] - 2 * step, target):
                continue  # at the edge of the domain
            around = ([numbers[0] + k * step, *numbers[1:]] for k in range(-2, 3))
            values = [reference.exact(*place)[0] for place in around]
            second = [(values[k] - 2 * values[k + 1] + values[k + 2]) / step**2 for k in range(3)]
            noise = [mpf(10) ** -245 * max(map(abs, values)) / step**k for k in (1, 2)]
            if max(second) - min(second) > mpf(10) ** -6 * max(map(abs, second)) + noise[1]:
                continue  # at a kink
            if not max(map(abs, values)) <= LARGEST:
                continue
            _, grad, hess = called(name, pred, target, *params.values())
            sizes = [min(float(size), LARGEST) for size in reference.sizes(*numbers)]
            slope = float((values[3] - values[1]) / (2 * step))
            first, last = (1e-100 + 1e-12 * sizes[k] + float(noise[k - 1]) for k in (1, 2))
            assert grad == pytest.approx(slope, rel=1e-12, abs=first)
            assert hess == pytest.approx(float(second[1]), rel=1e-6, abs=last)
            looked_at += 1
    assert looked_at > 10


@pytest.mark.parametrize("name", ["huber", "smooth_l1"])
def test_gradient_has_its_limit_on_both_sides_of_each_kink(name):
    for params in REFERENCES[name].choices:
        for kink in filter(None, params.values()):
            for side in (1, -1):
                below, above = (
                    LOSSES[name].formula(side * np.nextafter(kink, to), 0.0, kink) for to in (0, inf)
                )
                assert below[0] == pytest.approx(above[0], rel=1e-14)
                assert below[1] == pytest.approx(above[1], rel=1e-14)


@pytest.mark.parametrize("case", cases(), ids=name_of)
@pytest.mark.parametrize(("pred", "target"), [(nan, 1.0), (1.0, nan), (nan, nan), (inf, inf), (-inf, -inf)])
def test_nan_stays_nan_in_value_and_gradient(case, pred, target):
    name, params = case
    if not REFERENCES[name].of_error and not (isnan(pred) or isnan(target)):
        return  # only losses of the error subtract the infinities
    if not inside(name, pred, target):
        return  # the engine returns NaN for these: tests/test_operands.py
    value, grad, _ = called(name, pred, target, *params.values())
    assert isnan(value)
    assert isnan(grad)


@pytest.mark.parametrize("case", [case for case in cases() if REFERENCES[case[0]].of_error], ids=name_of)
@pytest.mark.parametrize("sign", [1, -1])
def test_an_infinite_error_has_the_limits_of_value_and_gradient(case, sign):
    name, params = case
    exact = [mpf(value) for value in params.values()]
    far, farther = (
        REFERENCES[name].exact(sign * mpf(10) ** power, mpf(0), *exact)[:2] for power in (10**9, 10**10)
    )
    limits = [
        float(x) if abs(y) < 2 * abs(x) or x == 0 else mp.sign(x) * inf
        for x, y in zip(far, farther, strict=True)
    ]
    for pred, target in ((sign * inf, 0.0), (0.0, -sign * inf), (sign * inf, -sign * inf)):
        found = called(name, pred, target, *params.values())
        assert found[:2] == pytest.approx(limits, rel=1e-15)


@pytest.mark.parametrize("sign", [1, -1])
def test_an_infinite_delta_leaves_the_quadratic_branch(sign):
    for error in (sign * inf, sign * 3.0):
        expected = LOSSES["half_squared_error"].formula(error, 0.0)
        assert LOSSES["huber"].formula(error, 0.0, inf) == expected


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


def test_balanced_l1_takes_any_ratio_of_gamma_and_alpha():
    """This includes ratios whose exponential overflows float64."""
    for alpha, gamma in ((0.1, 6.1), (0.02, 1.5), (1e-3, 1.5), (1.0, 500.0)):
        for error in (1e-9, 1e-3, 0.5, 1.0, 7.0):
            expected = REFERENCES["balanced_l1"].exact(*map(mpf, (error, 0.0, alpha, gamma, 1.0)))
            found = called("balanced_l1", error, 0.0, alpha, gamma, 1.0)
            assert found == pytest.approx([float(x) for x in expected], rel=1e-14)


FUNCTIONS = {"abs": abs, "max": max, "log": mp.log, "exp": mp.exp, "cosh": mp.cosh, "sqrt": mp.sqrt}
#: Parameters at which the docstring explains a limit in words, because the formula divides by 0.
LIMITS = {"general_robust": {"alpha": (2, 0, -inf)}, "tweedie_nll": {"power": (1, 2)}}


def written(formula, scope):
    """Evaluate a formula as docstrings write it, with the numbers in `scope`."""

    def evaluated(code):
        return eval(code, FUNCTIONS | scope)

    def chosen(inside, where, outside):
        return evaluated(inside if evaluated(where) else outside)

    for symbol, code in re.findall(r"`(\w+) = ([^`]*)`", formula):
        scope[symbol] = evaluated(code)
    for symbol, *code in re.findall(r"(\w+) is `([^`]*)` where `([^`]*)`, else `([^`]*)`", formula):
        scope[symbol] = chosen(*code)
    found = re.match(r"`([^`]*)` where `([^`]*)`, else `([^`]*)`", formula)
    return chosen(*found.groups()) if found else evaluated(re.match("`([^`]*)`", formula)[1])


def in_words(pred, target, alpha, **_):
    """The symbols that the docstring of sigmoid_focal explains in words alone."""
    logit = pred if target else -pred
    return {"p_t": 1 / (1 + mp.exp(-logit)), "alpha_t": alpha if target else 1 - alpha}


@pytest.mark.parametrize("case", cases(), ids=name_of)
def test_the_docstring_has_the_formula(case):
    name, params = case
    formula, compared = formula_of(LOSSES[name]), 0
    moderate = [pair for pair in points(name, params) if max(map(abs, pair)) < 1e5]
    for pred, target in moderate[:: 1 + len(moderate) // 30]:
        numbers = {key: mpf(x) for key, x in {"pred": pred, "target": target, **params}.items()}
        scope = numbers | {"e": numbers["pred"] - numbers["target"]}
        if name == "sigmoid_focal":
            scope |= in_words(**numbers)
        expected = REFERENCES[name].exact(*numbers.values())[0]
        try:
            value = written(formula, scope)
        except (ZeroDivisionError, ValueError):
            continue
        if not mp.isnan(value + expected):
            assert mp.almosteq(value, expected, 1e-20, 1e-30), (pred, target)
            compared += 1
    assert compared > 10 or any(params[key] in values for key, values in LIMITS.get(name, {}).items())
