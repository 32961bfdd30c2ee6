"""Coefficients and scale of a linear model, by Newton's method or iteratively reweighted least squares."""

from dataclasses import dataclass, replace
from math import inf
from typing import Any

import numpy as np

import fastloss
from fastloss.adapters.sklearn.problem import Problem
from fastloss.adapters.sklearn.scale import estimator

Array = np.ndarray[Any, Any]

ROWS = 4096  # rows in a block of the products, which stays in a cache
PART = 20  # a fit of many rows starts from the fit of one row in this many
SLOW = 0.1  # after a step longer than this part of the previous one, the matrix is computed again


@dataclass
class Fit:
    """Coefficients and scale, with what is known of the steps that led to them."""

    coef: Array  # with the intercept last
    pred: Array
    scale: float
    matrix: Array | None = None  # second derivatives of the mean, at these or nearby coefficients
    moved: float = inf  # the largest change of a prediction in the last step
    steps: int = 0
    converged: bool = False


def fitted(problem: Problem, start: Fit | Array | None, max_iter: int, tol: float) -> Fit:
    """Fit coefficients and scale, from a start or else from least absolute errors.

    A step reuses the matrix of the previous one as long as the steps shorten quickly, because computing it
    takes several times as long as the gradient: V. E. Shamanskii, "A modification of Newton's method",
    Ukrainian Mathematical Journal 19 (1967), 118-122; C. T. Kelley, "Iterative Methods for Linear and
    Nonlinear Equations", SIAM 1995, section 5.4.
    """
    first = _start(problem) if start is None else start
    eps = float(np.finfo(problem.X.dtype).eps)
    least = eps * _largest(problem.y) or 1.0  # the scale of an exact fit
    estimate = estimator(problem, least)
    if isinstance(first, Fit):
        pred = problem.pred(first.coef)
        found = Fit(first.coef, pred, estimate(pred, first.scale), first.matrix)
    else:
        pred = problem.pred(first)
        found = Fit(first, pred, estimate(pred, None))
    while found.steps < max_iter and not found.converged:
        before = found
        found = _lower(problem, before, eps)
        found.steps = before.steps + 1
        found.scale = estimate(found.pred, before.scale)
        found.moved = _largest(found.pred - before.pred)
        slow = found.moved > SLOW * before.moved
        still = found.moved <= max(tol * found.scale, 16 * eps * _largest(found.pred))
        still &= abs(found.scale - before.scale) <= max(tol, 16 * eps) * found.scale
        # A step with the matrix of another point may be short because that matrix is wrong.
        found.converged = still and (found.matrix is not before.matrix or (not slow and before.moved < inf))
        if slow:
            found.matrix = None
    return found


def _largest(numbers: Array) -> float:
    """The largest absolute value, without an array of absolute values."""
    return float(max(numbers.max(), -numbers.min()))


def _start(problem: Problem) -> Fit | Array:
    """Where to start: with many rows, from the fit of a part of them; else from rough least absolute errors.

    Least squares alone would not do: outliers can be so large that they hide in the scale that they cause.
    """
    width = problem.X.shape[1] + 1
    count = len(problem.y) if problem.weight is None else np.count_nonzero(problem.weight)
    if count >= PART * max(500, 25 * width):
        part = problem.sample(PART)
        found = fitted(part, None, 50, 1e-3)
        found.matrix = _matrix(part, _curve(part, found.pred, part.params(found.scale)))
        return found
    flat = np.ones_like(problem.y) if problem.weight is None else problem.weight
    slope = _gradient(problem, -flat * problem.y, np.zeros(width))
    squares, _ = _step(problem, _matrix(problem, flat), slope)
    absolute = replace(problem, loss=fastloss.absolute_error, parameter=None, rule="mad")
    return fitted(absolute, squares, 30, 1e-2).coef


def _lower(problem: Problem, fit: Fit, eps: float) -> Fit:
    """Coefficients with a lower objective at the same scale."""
    params = problem.params(fit.scale)
    slope = problem.loss.grad(fit.pred, problem.y, weight=problem.weight, reduction="sum", **params)
    grad = _gradient(problem, slope, fit.coef)
    value = problem.value(fit.pred, fit.coef, fit.scale)

    def lower(matrix: Array, tries: int) -> Fit | None:
        step, left = _step(problem, matrix, grad)
        if matrix is fit.matrix and left > SLOW:
            return None  # these columns did not differ in the part of the rows that gave the matrix
        for halvings in range(tries):
            coef = fit.coef + 0.5**halvings * step
            pred = problem.pred(coef)
            if problem.value(pred, coef, fit.scale) <= value + 16 * eps * abs(value):
                return Fit(coef, pred, fit.scale, matrix)
        return None

    found = None if fit.matrix is None else lower(fit.matrix, 1)
    if found is None:
        matrix = _matrix(problem, _curve(problem, fit.pred, params))
        found = lower(matrix, 20) or Fit(fit.coef, fit.pred, fit.scale, matrix)
    return found


def _curve(problem: Problem, pred: Array, params: dict[str, Any]) -> Array:
    """Second derivatives; IRLS weights if one is negative, or if they are so small that steps overshoot."""
    _, curve = problem.loss.grad_and_hess(pred, problem.y, weight=problem.weight, reduction="sum", **params)
    bound = _weights(problem, pred, params)
    useless = curve.min() < 0 or curve.sum(dtype=float) < 0.25 * bound.sum(dtype=float)
    return bound if useless else curve


def _weights(problem: Problem, pred: Array, params: dict[str, Any]) -> Array:
    """IRLS weights, whose parabolas lie above the loss; those of an L1-like loss are bounded."""
    found: Array = problem.loss.irls_weights(pred, problem.y, **params)
    if np.isinf(problem.loss.irls_weights(np.zeros(1), np.zeros(1), **params)[0]):
        finite = found[np.isfinite(found)]
        np.minimum(found, 1e6 * np.median(finite) if len(finite) else 1.0, out=found)
    return found if problem.weight is None else found * problem.weight


def _gradient(problem: Problem, slope: Array, coef: Array) -> Array:
    """The gradient of the objective with respect to the coefficients, the intercept last."""
    width = problem.X.shape[1]
    grad = np.zeros(width + 1)
    for first in range(0, len(slope), ROWS):
        rows = slice(first, first + ROWS)
        grad[:width] += slope[rows] @ problem.X[rows]
    if problem.intercept:
        grad[width] = slope.sum(dtype=np.float64)
    grad /= problem.total
    grad[:width] += problem.alpha * coef[:-1]
    return grad


def _matrix(problem: Problem, curve: Array) -> Array:
    """The second derivatives of the objective with respect to the coefficients of columns shifted by `means`.

    The data are read once, a block at a time. The shift keeps digits where the means are far from 0.
    """
    width, means = problem.X.shape[1], problem.means
    matrix = np.zeros((width + 1, width + 1))
    shifted, scaled = np.empty((2, ROWS, width), problem.X.dtype)
    for first in range(0, len(curve), ROWS):
        rows = slice(first, first + ROWS)
        curves = curve[rows]
        X, by_curve = shifted[: len(curves)], scaled[: len(curves)]
        np.subtract(problem.X[rows], means, out=X)
        np.multiply(X, curves[:, np.newaxis], out=by_curve)
        matrix[:width, :width] += X.T @ by_curve
        if problem.intercept:
            matrix[width, :width] += curves @ X
            matrix[width, width] += curves.sum(dtype=np.float64)
    matrix[:width, width] = matrix[width, :width]
    matrix /= problem.total
    matrix[range(width), range(width)] += problem.alpha
    return matrix


def _step(problem: Problem, matrix: Array, grad: Array) -> tuple[Array, float]:
    """The step to the minimum of the quadratic model, and the fraction of the gradient that is left there.

    For columns that depend on each other, the step is the shortest one; the gradient along them is left.
    """
    means = problem.means
    unit = np.sqrt(np.diag(matrix))
    unit[unit == 0] = 1
    slope, curve = np.append(grad[:-1] - means * grad[-1], grad[-1]) / unit, matrix / unit / unit[:, None]
    shortest = float(np.finfo(problem.X.dtype).eps) * len(matrix)
    step: Array = np.linalg.lstsq(curve, -slope, rcond=shortest)[0]
    left = float(np.linalg.norm(curve @ step + slope) / (np.linalg.norm(slope) or 1.0))
    step /= unit
    step[-1] -= means @ step[:-1]
    return step, left
