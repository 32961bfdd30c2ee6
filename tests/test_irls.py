"""The weights of iteratively reweighted least squares: gradient / error, or its limits."""

from math import inf, nan
from pathlib import Path

import numpy as np
import pytest
from mpmath import mpf

from fastloss import huber, squared_error
from fastloss._formula.sum import CHUNK
from fastloss.losses import shipped
from tests.subprocesses import answer, run_python

from .calls import DTYPES
from .exact import REFERENCES
from .layouts import LAYOUTS
from .reference import cases, few_cases, inside, name_of, points


def limit(gradient, target):
    """The limits of gradient / error at an error of 0, from both sides; inf for one without bound."""
    found = []
    for sign in (1, -1):
        step = sign * max(abs(target), mpf(1)) * mpf(10) ** -28
        near, nearer = (gradient(target + h) / h for h in (step, step / 1000))
        found.append(inf if abs(nearer) > 10 * abs(near) else near)
    return found


def exact(name, params, pred, target):
    """The exact weight, or the two that the loss may choose from."""
    values = [mpf(float(x)) for x in params.values()]
    reference = REFERENCES[name]
    if reference.of_error:
        pred, target = pred - target, pred * 0
    pred, target = mpf(float(pred)), mpf(float(target))
    _, grad, hess = reference.exact(pred, target, *values)
    if shipped()[name].own_weights == "hess":
        return [hess]
    if pred != target:
        return [grad / (pred - target)]
    return limit(lambda near: reference.exact(near, target, *values)[1], target)


def largest_term(name, params, pred, target):
    """The largest term of the second derivative, whose terms may cancel."""
    numbers = [mpf(float(x)) for x in (pred, target, *params.values())]
    return min(float(REFERENCES[name].sizes(*numbers)[2]), float(np.finfo(float).max))


def operands(name, params, dtype):
    """Points in the domains of the loss, in the given type."""
    with np.errstate(all="ignore"):
        pairs = np.array(list(points(name, params))).astype(dtype)
    kept = [np.isfinite(pair).all() and inside(name, *pair.tolist()) for pair in pairs]
    return pairs[kept].T.copy()


@pytest.mark.parametrize(
    ("case", "dtype"),
    [(case, dtype) for case in cases() for dtype in DTYPES if dtype is np.float64 or case in few_cases()],
    ids=lambda x: x.__name__ if isinstance(x, type) else name_of(x),
)
def test_weights_equal_the_reference(case, dtype):
    """If a formula fails this at an error of 0, give `irls_weights` in its decorator."""
    name, params = case
    params = {each: dtype(value) for each, value in params.items()}
    pred, target = operands(name, params, dtype)
    assert pred.size > 10
    found = shipped()[name].irls_weights(pred, target, **params)
    assert found.dtype == dtype
    info = np.finfo(dtype)
    for got, p, t in zip(found, pred, target, strict=True):
        error = float(abs(p - t))
        # A subnormal gradient has lost digits.
        lost = 4 * float(info.smallest_subnormal) / error if error else 0.0
        if shipped()[name].own_weights == "hess":
            lost = float(info.tiny) + 8 * float(info.eps) * largest_term(name, params, p, t)
        with np.errstate(over="ignore"):
            choices = [dtype(float(x)) for x in exact(name, params, p, t)]
        close = pytest.approx(choices[0], rel=8 * float(info.eps), abs=lost, nan_ok=True)
        assert got == close or got in choices, (p, t, got, choices)


@pytest.mark.parametrize("case", [case for case in cases() if REFERENCES[case[0]].of_error], ids=name_of)
def test_an_infinite_error_has_the_limit_of_the_weights(case):
    name, params = case
    for sign in (1, -1):
        far = sign * mpf(10) ** 10**9
        _, grad, _ = REFERENCES[name].exact(far, mpf(0), *[mpf(value) for value in params.values()])
        pred, target = np.array([[sign * inf, 0.0, sign * inf], [0.0, -sign * inf, -sign * inf]])
        found = shipped()[name].irls_weights(pred, target, **params)
        np.testing.assert_allclose(found, float(grad / far), rtol=1e-15)


@pytest.mark.parametrize("name", shipped())
def test_nan_stays_nan(name):
    bad = np.array([nan, 0.5, nan, inf, -inf]), np.array([0.5, nan, nan, inf, -inf])
    if not REFERENCES[name].of_error:
        bad = bad[0][:3], bad[1][:3]
    assert np.isnan(shipped()[name].irls_weights(*bad)).all()


def drawn(shape, dtype=np.float64):
    pred, target = np.random.default_rng(5).standard_normal((2, *shape)).astype(dtype)
    target[..., 0] = pred[..., 0]
    return pred, target, np.where(abs(pred - target) <= 0.5, 1, 0.5 / np.maximum(abs(pred - target), 0.5))


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_keyword(dtype):
    pred, target, expected = drawn((7, 50), dtype)
    weight, where = np.arange(50.0, dtype=dtype), pred > 0
    kept = np.where(where, weight * expected, 0)
    close = {"rtol": 4 * np.finfo(dtype).eps}
    for _ in range(3):  # later, the form is remembered
        found = huber.irls_weights(pred, target, delta=0.5, weight=weight, where=where)
        np.testing.assert_allclose(found, kept, **close)
        found = huber.irls_weights(pred, target, delta=0.5, weight=weight, where=where, reduction="mean")
        total = np.broadcast_to(weight, pred.shape)[where].sum(dtype=float)
        np.testing.assert_allclose(found, kept / total, **close)
        found = huber.irls_weights(pred, target, delta=0.5, normalizer=4.0, reduction="mean")
        np.testing.assert_allclose(found, expected / 4, **close)
    nothing = np.full(50, nan, dtype)
    assert not huber.irls_weights(nothing, 0.0, where=nothing > 0).any()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("given", ["f2", "f4", "f8", "i8"])
def test_any_type_and_layout(given, layout):
    rng = np.random.default_rng(6)
    pred, target = rng.integers(-4, 4, (2, 6, 40)).astype(given)
    delta = rng.integers(1, 4, 40)
    found = huber.irls_weights(LAYOUTS[layout](pred), LAYOUTS[layout](target), delta=delta)
    grad = huber.grad(pred, target, delta=delta, reduction="sum")
    assert found.dtype == grad.dtype
    error = pred.astype(float) - target
    expected = np.where(error == 0, 1, grad / np.where(error == 0, 1, error))
    np.testing.assert_array_equal(found, expected.astype(grad.dtype))


def test_lists_numbers_and_nothing():
    assert huber.irls_weights([0.0, 4.0], [0.0, 0.0]).tolist() == [1.0, 0.25]
    assert huber.irls_weights(-4.0, 0.0, delta=2.0) == 0.5
    assert huber.irls_weights([], []).shape == (0,)


@pytest.mark.usefixtures("few_threads")
def test_many_elements():
    pred, target, expected = drawn((2 * CHUNK + 5,))
    np.testing.assert_allclose(huber.irls_weights(pred, target, delta=0.5), expected, rtol=1e-15)


def test_outputs_in_place():
    for _ in range(3):
        pred, target, expected = drawn((40,))
        out = np.empty(80)[::2]
        assert huber.irls_weights(pred, target, delta=0.5, weights_out=out) is out
        np.testing.assert_allclose(out, expected, rtol=1e-15)
        assert huber.irls_weights(pred, target, delta=0.5, weights_out=pred) is pred
        np.testing.assert_allclose(pred, expected, rtol=1e-15)


def test_a_remembered_call_looks_at_its_numbers():
    pred, target = np.array([0.0, 3.0]), np.zeros(2)
    for delta in (1.0, 2.0, 1.5):
        assert huber.irls_weights(pred, target, delta=delta).tolist() == [1.0, delta / 3]
        assert huber.grad(pred, target, delta=delta, reduction="none").tolist() == [0.0, delta]
    with pytest.raises(ValueError, match="huber: delta must be a number > 0 or inf, got -1"):
        huber.irls_weights(pred, target, delta=-1.0)
    with pytest.raises(ValueError, match="huber: weight must be a finite number >= 0"):
        huber.irls_weights(pred, target, weight=-target - 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights_out": np.empty(3)}, r"huber: weights_out must have shape \(2,\) and dtype float64, got"),
        ({"weights_out": [0.0, 0.0]}, "huber: weights_out must be a NumPy array, got list"),
        ({"grad_out": np.empty(2)}, "huber: this call does not compute what grad_out would hold"),
        ({"dleta": 1.0}, "huber: unknown keyword 'dleta'; did you mean 'delta'"),
        ({"reduction": "avg"}, "huber: reduction must be 'mean', 'sum' or 'none'"),
        ({"stream": 1}, "huber: stream is only allowed with CUDA arrays"),
    ],
)
def test_errors_name_the_argument(options, message):
    for _ in range(2):
        with pytest.raises((TypeError, ValueError), match=message):
            huber.irls_weights(np.ones(2), np.zeros(2), **options)
    with pytest.raises(TypeError, match="huber: this call does not compute what weights_out would hold"):
        huber.grad(np.ones(2), np.zeros(2), weights_out=np.empty(2))


def test_without_numbas_compiler():
    code = """
import json
import numpy as np, fastloss
error = np.array([0.0, -4.0, np.inf, 1e-310])
names = "huber", "absolute_error", "squared_error", "smooth_l1"
print(json.dumps([getattr(fastloss, name).irls_weights(error, np.zeros(4)).tolist() for name in names]))
"""
    expected = [[1.0, 0.25, 0.0, 1.0], [inf, 0.25, 0.0, inf], [2.0] * 4, [1.0, 0.25, 0.0, 1.0]]
    assert answer(run_python(code, env={"NUMBA_DISABLE_JIT": "1"})) == expected


def test_a_huber_regression_has_the_known_fit():
    """R's MASS::rlm(stack.loss ~ ., stackloss), k = 1.345: the scale is estimated again at each step."""
    table = np.loadtxt(Path(__file__).parent / "data" / "stackloss.csv", delimiter=",", skiprows=1)
    design, target = np.column_stack([np.ones(len(table)), table[:, 1:]]), table[:, 0]
    weight = np.ones(len(table))
    for _ in range(200):
        root = np.sqrt(weight)
        coef = np.linalg.lstsq(root[:, None] * design, root * target, rcond=None)[0]
        error = design @ coef - target
        scale = np.median(abs(error)) / 0.6745
        weight = huber.irls_weights(design @ coef, target, delta=1.345 * scale)
    assert coef.round(3).tolist() == [-41.026, 0.829, 0.926, -0.128]
    assert scale == pytest.approx(2.441, abs=1e-3)  # R stops 5e-4 before the limit
    grad = huber.grad(design @ coef, target, delta=1.345 * scale, reduction="sum")
    np.testing.assert_allclose(design.T @ grad, 0.0, atol=1e-8)


def test_a_step_lowers_the_loss():
    """The weighted squares are a majorizer of the loss: they touch it from above."""
    pred, target = np.random.default_rng(8).standard_normal((2, 200))
    weights = huber.irls_weights(pred, target, delta=0.5)
    error, value = pred - target, huber(pred, target, delta=0.5, reduction="none")
    for step in np.linspace(-3, 3, 25):
        above = value + weights * ((error + step) ** 2 - error**2) / 2
        moved = huber(pred + step, target, delta=0.5, reduction="none")
        assert (moved <= above + 1e-12).all()
    assert squared_error.irls_weights(pred, target).tolist() == [2.0] * 200
