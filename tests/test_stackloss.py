"""Huber regression on Brownlee's stack loss data gives the published coefficients."""

import numpy as np
import pytest

from fastloss import huber

from .stackloss import DELTA, LITERATURE, TABLE, closed_form


@pytest.fixture(scope="module")
def data():
    assert TABLE.shape == (21, 4)
    target = TABLE[:, 0].copy()
    design = TABLE.copy()
    design[:, 0] = 1.0
    return design, target


def least_squares(design, target):
    return np.linalg.lstsq(design, target, rcond=None)[0]


def newton(design, target):
    coef = least_squares(design, target)
    for _ in range(20):
        _, grad, hess = huber.value_grad_hess(design @ coef, target, delta=DELTA, reduction="sum")
        step = np.linalg.solve(design.T @ (hess[:, None] * design), design.T @ grad)
        coef = coef - step
        if np.abs(step).max() < 1e-10:
            return coef
    pytest.fail("Newton's method did not converge")


def irls(design, target):
    """Iteratively reweighted least squares, with the weights grad / error."""
    coef = least_squares(design, target)
    for _ in range(100):
        pred = design @ coef
        weight = np.sqrt(huber.grad(pred, target, delta=DELTA, reduction="sum") / (pred - target))
        last, coef = coef, least_squares(weight[:, None] * design, weight * target)
        if np.abs(coef - last).max() < 1e-12:
            return coef
    pytest.fail("IRLS did not converge")


@pytest.mark.parametrize("fit", [newton, irls])
def test_coefficients(data, fit):
    coef = fit(*data)
    np.testing.assert_allclose(coef, closed_form(*data), rtol=1e-9)
    # With the scale rounded to 2.441 the intercept is -41.0266.
    assert np.round(coef[1:], 3).tolist() == LITERATURE[1:].tolist()
    assert coef[0] == pytest.approx(LITERATURE[0], abs=1e-3)


def test_least_squares_gives_other_coefficients(data):
    """The agreement is due to the loss: least squares gives -39.920, 0.716, 1.295, -0.152."""
    design, target = data
    coef = least_squares(design, target)
    np.testing.assert_allclose(coef, [-39.920, 0.716, 1.295, -0.152], atol=5e-4)
    quadratic = huber.grad(design @ coef, target, delta=np.inf, reduction="sum")
    np.testing.assert_allclose(design.T @ quadratic, 0.0, atol=1e-9)


def test_gradient_vanishes_at_the_minimum(data):
    design, target = data
    coef = closed_form(design, target)
    value, grad = huber.value_and_grad(design @ coef, target, delta=DELTA)
    np.testing.assert_allclose(design.T @ grad, 0.0, atol=1e-10)
    for shift in np.diag([1e-2, 1e-4, 1e-4, 1e-4]):
        for near in (coef - shift, coef + shift):
            assert huber(design @ near, target, delta=DELTA) > value
