"""Losses in SciPy's optimisers: the same numbers as its own losses give, and known fits."""

from math import log

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import approx_fprime, check_grad, least_squares, minimize

import fastloss
from fastloss.adapters.scipy import ROWS, linear_objective, rho
from tests.stackloss import DELTA, TABLE, closed_form

RNG = np.random.default_rng(3)
X = RNG.standard_normal((3 * ROWS // 2, 3))
Y = X @ [1.0, -2.0, 0.5] + 3.0 + RNG.standard_t(2, len(X))
COEF = np.array([0.5, -1.0, 0.2, 2.0])


@pytest.mark.parametrize(
    ("name", "own", "params"),
    [("huber", "huber", {"delta": 1.0}), ("pseudo_huber", "soft_l1", {}), ("cauchy", "cauchy", {})],
)
@pytest.mark.parametrize("scale", [1.0, 0.3])
def test_least_squares_goes_the_way_of_scipys_own(name, own, params, scale):
    def residuals(coef):
        return coef[0] * np.exp(-coef[1] * X[:200, 0]) - Y[:200]

    given = {"x0": [1.0, 0.1], "f_scale": scale, "max_nfev": 6}
    ours, theirs = (least_squares(residuals, loss=loss, **given) for loss in (rho(name, **params), own))
    np.testing.assert_allclose(ours.x, theirs.x, rtol=1e-6)
    np.testing.assert_allclose(ours.cost, theirs.cost, rtol=1e-9)
    assert ours.nfev == theirs.nfev


def test_rho_is_right_at_0_and_far_out():
    z = np.array([0.0, 1e-300, 1e-8, 0.25, 4.0, 1e8])
    value, slope, curve = rho("huber", delta=1.0)(z)
    np.testing.assert_allclose(value, np.where(z <= 1, z, 2 * np.sqrt(z) - 1), rtol=1e-12)
    np.testing.assert_allclose(slope, np.where(z <= 1, 1, 1 / np.sqrt(np.maximum(z, 1))), rtol=1e-12)
    np.testing.assert_allclose(curve, np.where(z <= 1, 0, -0.5 * np.maximum(z, 1) ** -1.5), rtol=1e-12)
    assert rho("cauchy")(z).shape == (3, 6)
    np.testing.assert_allclose(rho("cauchy")(z)[0], np.log1p(z), rtol=1e-12)


@pytest.mark.parametrize("name", ["quantile", "poisson_nll", "hinge", "absolute_percentage_error"])
def test_rho_refuses_losses_of_more_than_the_errors_size(name):
    params = {"tau": 0.3} if name == "quantile" else {}
    with pytest.raises(
        ValueError, match=f"rho: loss must depend on the size of pred - target alone, got {name}"
    ):
        rho(name, **params)


def test_a_loss_itself_says_what_to_take():
    with pytest.raises(TypeError, match=r"fastloss\.adapters\.scipy\.rho"):
        least_squares(lambda x: x - 1.0, [0.0], loss=fastloss.huber)


def reference(loss, coef, x, y, weight=None, l2=0.0, **params):
    """Compute the objective with NumPy."""
    pred = x @ coef[:-1] + coef[-1]
    weight = np.ones(len(y)) if weight is None else weight
    losses = loss(pred, y, reduction="none", **params)
    return (weight * losses).sum() / weight.sum() + l2 / 2 * (coef[:-1] ** 2).sum()


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix, sparse.csc_array, np.asfortranarray])
@pytest.mark.parametrize("weight", [None, RNG.random(len(X))], ids=["plain", "weights"])
def test_value_and_derivatives(form, weight):
    objective = linear_objective("cauchy", form(X), Y, weight=weight, l2=0.3, scale=2.0)
    value, grad = objective(COEF)
    expected = reference(fastloss.cauchy, COEF, X, Y, weight, 0.3, scale=2.0)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    assert check_grad(lambda w: objective(w)[0], lambda w: objective(w)[1], COEF) < 1e-6
    hess = approx_fprime(COEF, lambda w: objective(w)[1])
    np.testing.assert_allclose(objective.hess(COEF), hess, rtol=1e-5, atol=1e-6)
    direction = np.array([1.0, 2.0, -0.5, 0.3])
    np.testing.assert_allclose(objective.hessp(COEF, direction), objective.hess(COEF) @ direction, rtol=1e-10)
    assert objective(COEF)[1] is not objective(COEF)[1]
    assert grad.dtype == np.float64


def test_float32_and_no_intercept():
    objective = linear_objective("huber", X.astype(np.float32), Y.astype(np.float32), intercept=False)
    value, grad = objective(COEF[:3])
    exact = linear_objective("huber", X, Y, intercept=False)(COEF[:3])
    np.testing.assert_allclose(value, exact[0], rtol=1e-6)
    np.testing.assert_allclose(grad, exact[1], rtol=1e-5)
    assert objective._pred(objective.X, COEF[:3]).dtype == np.float32


@pytest.mark.parametrize("method", ["L-BFGS-B", "BFGS", "trust-exact", "Newton-CG"])
def test_minimisers_find_the_same(method):
    objective = linear_objective(fastloss.huber, X, Y, delta=1.0)
    hess = {"hess": objective.hess} if method == "trust-exact" else {}
    hess |= {"hessp": objective.hessp} if method == "Newton-CG" else {}
    fit = minimize(objective, np.zeros(4), jac=True, method=method, tol=1e-10, **hess)
    np.testing.assert_allclose(fit.x, [1.0, -2.0, 0.5, 3.0], atol=0.06)
    np.testing.assert_allclose(objective(fit.x)[1], 0, atol=1e-5)


def test_a_logistic_model_of_known_odds():
    y = np.repeat([0.0, 1.0], [30, 90])
    fit = minimize(
        linear_objective("binary_cross_entropy", np.zeros((120, 0)), y), [0.0], jac=True, tol=1e-10
    )
    np.testing.assert_allclose(fit.x, [log(3)], rtol=1e-7)


def test_the_stack_loss_estimate():
    target, inputs = TABLE[:, 0], TABLE[:, 1:]
    design = np.column_stack([inputs, np.ones(21)])
    start = np.linalg.lstsq(design, target, rcond=None)[0]
    expected = np.roll(closed_form(np.roll(design, 1, axis=1), target), -1)
    objective = linear_objective("huber", inputs, target, delta=DELTA)
    fit = minimize(objective, start, jac=True, method="trust-exact", hess=objective.hess, tol=1e-10)
    np.testing.assert_allclose(fit.x, expected, rtol=1e-6)
    loss = rho("huber", delta=DELTA)
    fit = least_squares(lambda coef: design @ coef - target, start, loss=loss, x_scale="jac", xtol=1e-12)
    np.testing.assert_allclose(fit.x, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"X": X[:, 0]}, "X must have 2 axes, got 1"),
        ({"y": X}, r"y must have shape \(12288,\), got \(12288, 3\)"),
        ({"y": Y[:5]}, r"y must have shape \(12288,\), got \(5,\)"),
        ({"weight": Y[:, None]}, r"weight must have shape \(12288,\), got \(12288, 1\)"),
        ({"weight": 0 * Y}, r"the sum of weights must be > 0, got 0\.0"),
        ({"X": X[:0], "y": Y[:0]}, r"the sum of weights must be > 0, got 0\.0"),
        ({"l2": -1.0}, r"l2 must be finite and >= 0, got -1\.0"),
        ({"l2": np.nan}, "l2 must be finite"),
        ({"l2": "a"}, "l2 must be finite and >= 0, got 'a'"),
        ({"X": X * 1j}, "X must hold real numbers, got dtype complex128"),
        ({"weight": Y.astype(str)}, "weight must hold real numbers, got dtype <U"),
        ({"where": Y > 0}, "huber: unknown parameter 'where', expected delta"),
        ({"reduction": "sum"}, "huber: unknown parameter 'reduction', expected delta"),
    ],
)
def test_what_does_not_fit_is_named(given, message):
    with pytest.raises((TypeError, ValueError), match=message):
        linear_objective("huber", **{"X": X, "y": Y, **given})


@pytest.mark.parametrize(("intercept", "shape"), [(True, r"\(4,\), the intercept last"), (False, r"\(3,\)")])
def test_coefficients_of_another_shape_are_refused(intercept, shape):
    objective = linear_objective("huber", X, Y, intercept=intercept)
    wrong, right = COEF[: 3 + (not intercept)], COEF[: 3 + intercept]
    calls = (
        objective,
        objective.hess,
        lambda x: objective.hessp(x, right),
        lambda x: objective.hessp(right, x),
    )
    for call in calls:
        for x in (wrong, COEF[:, np.newaxis]):
            with pytest.raises(ValueError, match=f"(coef|direction) must have shape {shape}, got "):
                call(x)
    assert objective(list(right))[0] == objective(right)[0]


def test_rho_takes_parameters_of_the_loss_alone():
    with pytest.raises(TypeError, match="huber: unknown parameter 'weight', expected delta"):
        rho("huber", weight=2.0)
