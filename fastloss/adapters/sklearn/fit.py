"""Coefficients and scale of a linear model, by Newton's steps or iteratively reweighted least squares."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from math import erf, exp, pi, sqrt
from typing import Any

import numpy as np

import fastloss
from fastloss import Loss
from fastloss.adapters._error import is_of_the_error

Array = np.ndarray[Any, Any]

#: The parameter of a loss that is its threshold, and where its estimate is 95 % as efficient as least squares
#: if errors are normal: P. J. Holland and R. E. Welsch, Communications in Statistics A6 (1977), 813-827.
THRESHOLDS = {
    "huber": ("delta", 1.345),
    "tukey_biweight": ("scale", 4.685),
    "cauchy": ("scale", 2.385),
    "welsch": ("scale", 2.985),
    "fair": ("scale", 1.4),
}
NORMAL = 0.6744897501960817  # half of a normal distribution lies within so many standard deviations
ROWS = 4096  # rows that are multiplied together, while they are in a cache
SAMPLE = 10_000  # rows whose fit is where that of ten times as many starts


@dataclass(frozen=True)
class Problem:
    """Data, and what is to be least."""

    X: Array
    y: Array
    weight: Array | None
    loss: Loss
    parameter: str | None  # of the loss, which is delta times the scale
    delta: float | None
    rule: str | float
    alpha: float
    intercept: bool

    @classmethod
    def of(
        cls,
        loss: Loss | str,
        delta: float | None,
        rule: str | float,
        alpha: float,
        intercept: bool,
        X: Array,
        y: Array,
        weight: Array | None,
    ) -> "Problem":
        """The problem of an estimator's arguments, which are checked but for those that fastloss checks."""
        chosen = fastloss.get(loss)
        if not is_of_the_error(chosen):
            raise ValueError(f"RobustRegressor: loss must be one of the error, got {chosen.name}")
        if len(chosen.domains) > 1:
            raise ValueError(
                f"RobustRegressor: loss must have one parameter at most, "
                f"{chosen.name} has {', '.join(chosen.domains)}"
            )
        if isinstance(rule, str) and rule not in ("mad", "proposal2"):
            raise ValueError(f"RobustRegressor: scale must be 'mad', 'proposal2' or a number, got {rule!r}")
        if not isinstance(rule, str) and not 0 < rule < np.inf:
            raise ValueError(f"RobustRegressor: scale must be a finite number > 0, got {rule!r}")
        if not 0 <= alpha < np.inf:
            raise ValueError(f"RobustRegressor: alpha must be a finite number >= 0, got {alpha!r}")
        own = next(iter(chosen.domains), None)
        if own is not None and chosen.domains[own].high < np.inf:
            raise ValueError(f"RobustRegressor: {own} of {chosen.name} is not in the units of the error")
        if delta is not None and own is None:
            raise ValueError(f"RobustRegressor: delta must be None for {chosen.name}, which has no parameter")
        known = THRESHOLDS.get(chosen.name, (own, None if own is None else chosen.domains[own].default))
        delta = known[1] if delta is None else delta
        y = y.astype(X.dtype, copy=False)
        return cls(X, y, weight, chosen, own, delta, rule, alpha, intercept)

    @cached_property
    def total(self) -> float:
        """The sum of weights, or the number of rows."""
        return float(len(self.y)) if self.weight is None else float(self.weight.sum(dtype=np.float64))

    @cached_property
    def means(self) -> Array:
        """Numbers near the columns' means, or zeros where there is no intercept to take up a shift."""
        every = max(1, len(self.y) // SAMPLE)
        weight = None if self.weight is None else self.weight[::every]
        if not self.intercept or (weight is not None and not weight.any()):
            return np.zeros(self.X.shape[1], self.X.dtype)
        means: Array = np.average(self.X[::every].astype(np.float64), axis=0, weights=weight)
        return means.astype(self.X.dtype)

    def sample(self, every: int) -> "Problem":
        """The same of a part of the rows."""
        weight = None if self.weight is None else self.weight[::every]
        return replace(self, X=np.ascontiguousarray(self.X[::every]), y=self.y[::every], weight=weight)

    def pred(self, coef: Array) -> Array:
        """The predictions of coefficients, of which the last is the intercept."""
        found: Array = self.X @ coef[:-1].astype(self.X.dtype) + self.X.dtype.type(coef[-1])
        return found

    def params(self, scale: float) -> dict[str, Any]:
        """The loss's parameter."""
        return {} if self.parameter is None or self.delta is None else {self.parameter: self.delta * scale}

    def value(self, pred: Array, coef: Array, scale: float) -> float:
        """The objective."""
        loss = self.loss(pred, self.y, weight=self.weight, **self.params(scale))
        return float(loss + 0.5 * self.alpha * (coef[:-1] @ coef[:-1]))


@dataclass
class Fit:
    """What was found."""

    coef: Array  # with the intercept last
    pred: Array
    scale: float
    steps: int = 0
    converged: bool = False


def fitted(problem: Problem, start: Array | None, max_iter: int, tol: float) -> Fit:
    """Fit coefficients and scale, from those of least absolute errors or others."""
    coef = _start(problem) if start is None else start
    eps = float(np.finfo(problem.X.dtype).eps)
    least = eps * float(abs(problem.y).max()) or 1.0  # the scale of an exact fit
    estimate = _estimator(problem, least)
    pred = problem.pred(coef)
    found = Fit(coef, pred, estimate(pred, None))
    while found.steps < max_iter and not found.converged:
        before = found
        coef, pred = _lower(problem, before, eps)
        scale = estimate(pred, before.scale)
        moved = float(abs(pred - before.pred).max())
        still = moved <= max(tol * scale, 16 * eps * float(abs(pred).max()))
        found = Fit(coef, pred, scale, before.steps + 1)
        found.converged = still and abs(scale - before.scale) <= max(tol, 16 * eps) * scale
    return found


def _start(problem: Problem) -> Array:
    """Coefficients to start from: of many rows, those of a sample; else of least absolute errors, roughly.

    Outliers of least squares can be so large that they hide in the scale which they cause.
    """
    every = len(problem.y) // SAMPLE
    if every >= 10:
        return fitted(problem.sample(every), None, 50, 1e-3).coef
    flat = np.ones_like(problem.y) if problem.weight is None else problem.weight
    squares = _step(problem, flat, -flat * problem.y, np.zeros(problem.X.shape[1] + 1))
    absolute = replace(problem, loss=fastloss.absolute_error, parameter=None, rule="mad")
    return fitted(absolute, squares, 30, 1e-2).coef


def _lower(problem: Problem, fit: Fit, eps: float) -> tuple[Array, Array]:
    """Coefficients of a lower objective at the same scale, and their predictions."""
    params = problem.params(fit.scale)
    given: dict[str, Any] = {"weight": problem.weight, "reduction": "sum"} | params
    _, slope, curve = problem.loss.value_grad_hess(fit.pred, problem.y, **given)
    bound = _weights(problem, fit.pred, params)
    # Newton's step goes far too far where most of the loss is linear.
    if curve.min() < 0 or curve.sum(dtype=float) < 0.25 * bound.sum(dtype=float):
        curve = bound
    step = _step(problem, curve, slope, fit.coef)
    value = problem.value(fit.pred, fit.coef, fit.scale)
    for halvings in range(20):
        coef = fit.coef + 0.5**halvings * step
        pred = problem.pred(coef)
        if problem.value(pred, coef, fit.scale) <= value + 16 * eps * abs(value):
            return coef, pred
    return fit.coef, fit.pred


def _weights(problem: Problem, pred: Array, params: dict[str, Any]) -> Array:
    """Weights of least squares, whose parabolas lie above the loss; of an L1-like one bounded."""
    found: Array = problem.loss.irls_weights(pred, problem.y, **params)
    if np.isinf(problem.loss.irls_weights(np.zeros(1), np.zeros(1), **params)[0]):
        finite = found[np.isfinite(found)]
        np.minimum(found, 1e6 * np.median(finite) if len(finite) else 1.0, out=found)
    return found if problem.weight is None else found * problem.weight


def _step(problem: Problem, curve: Array, slope: Array, coef: Array) -> Array:
    """The step to the minimum of a parabola.

    The matrix is read once, a block at a time, from near its means, which keeps digits where these are far
    from 0. Of columns that depend on each other the shortest step is taken.
    """
    width = problem.X.shape[1]
    means = problem.means
    matrix, grad = np.zeros((width + 1, width + 1)), np.zeros(width + 1)
    for first in range(0, len(slope), ROWS):
        rows = slice(first, first + ROWS)
        X, curves, slopes = problem.X[rows] - means, curve[rows], slope[rows]
        scaled = X * curves[:, np.newaxis]
        matrix[:width, :width] += X.T @ scaled
        grad[:width] += slopes @ X
        if problem.intercept:
            matrix[width, :width] += curves @ X
            matrix[width, width] += curves.sum(dtype=np.float64)
            grad[width] += slopes.sum(dtype=np.float64)
    matrix[:width, width] = matrix[width, :width]
    penalty = problem.total * problem.alpha
    matrix[range(width), range(width)] += penalty
    grad[:width] += penalty * coef[:-1]
    unit = np.sqrt(np.diag(matrix))
    unit[unit == 0] = 1
    shortest = float(np.finfo(problem.X.dtype).eps) * (width + 1)
    step: Array = np.linalg.lstsq(matrix / unit / unit[:, np.newaxis], -grad / unit, rcond=shortest)[0]
    step /= unit
    step[width] -= means @ step[:width]
    return step


def _estimator(problem: Problem, least: float) -> Callable[[Array, float | None], float]:
    """The rule of the scale: a function of predictions, and of the scale before if there is one."""

    def fixed(pred: Array, before: float | None) -> float:
        return float(problem.rule)

    def mad(pred: Array, before: float | None) -> float:
        return max(_median(abs(problem.y - pred), problem.weight) / NORMAL, least)

    def proposal2(pred: Array, before: float | None) -> float:
        if before is None:
            return mad(pred, None)
        clipped = np.minimum(abs(problem.y - pred), THRESHOLDS["huber"][1] * before).astype(np.float64) ** 2
        total = problem.total
        free = total - problem.X.shape[1] - problem.intercept
        mean = np.average(clipped, weights=problem.weight) * total / (free if free > 0 else total)
        return max(sqrt(mean / _clipped_variance(THRESHOLDS["huber"][1])), least)

    rules = {"mad": mad, "proposal2": proposal2}
    return rules[problem.rule] if isinstance(problem.rule, str) else fixed


def _median(sizes: Array, weight: Array | None) -> float:
    """The median, each element counted as often as its weight says."""
    if weight is None:
        return float(np.median(sizes))
    order = np.argsort(sizes)
    below = np.cumsum(weight[order], dtype=np.float64)
    half = 0.5 * below[-1]
    low, high = np.searchsorted(below, half), np.searchsorted(below, half, side="right")
    return float(0.5 * (sizes[order[low]] + sizes[order[min(high, len(order) - 1)]]))


def _clipped_variance(k: float) -> float:
    """The mean square of a standard normal variable that is cut off at k on both sides."""
    inside = erf(k / sqrt(2))
    return inside + k * k * (1 - inside) - 2 * k * exp(-k * k / 2) / sqrt(2 * pi)
