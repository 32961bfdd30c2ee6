"""The data and the objective of a robust regression."""

from dataclasses import dataclass, replace
from functools import cached_property
from numbers import Real
from typing import Any

import numpy as np

import fastloss
from fastloss import Loss
from fastloss.adapters._checks import is_of_the_error, is_strength

Array = np.ndarray[Any, Any]

#: The parameter of a loss that is its threshold, and the value at which the estimate is 95 % as efficient as
#: least squares if errors are normal: P. J. Holland and R. E. Welsch, Communications in Statistics A6 (1977),
#: 813-827.
THRESHOLDS = {
    "huber": ("delta", 1.345),
    "tukey_biweight": ("scale", 4.685),
    "cauchy": ("scale", 2.385),
    "welsch": ("scale", 2.985),
    "fair": ("scale", 1.4),
}


@dataclass(frozen=True)
class Problem:
    """Data, and the objective to minimise."""

    X: Array
    y: Array
    weight: Array | None
    loss: Loss
    parameter: str | None  # of the loss; it is delta times the scale
    delta: float | None
    rule: str | float
    alpha: float
    intercept: bool
    means: Array  # rough means of the columns; zeros if there is no intercept to take up the shift

    @classmethod
    def of(
        cls,
        loss: Loss | str,
        delta: Any,
        rule: Any,
        alpha: float,
        intercept: bool,
        X: Array,
        y: Array,
        weight: Array | None,
    ) -> "Problem":
        """The problem for the arguments of an estimator, checked except for what fastloss itself checks."""
        chosen = fastloss.get(loss)
        if not is_of_the_error(chosen):
            raise ValueError(f"RobustRegressor: loss must depend on pred - target alone, got {chosen.name}")
        if len(chosen.domains) > 1:
            raise ValueError(
                f"RobustRegressor: loss must have at most one parameter, "
                f"{chosen.name} has {', '.join(chosen.domains)}"
            )
        if rule not in ("mad", "proposal2") and not (isinstance(rule, Real) and 0 < float(rule) < np.inf):
            raise ValueError(
                f"RobustRegressor: scale must be 'mad', 'proposal2' or a finite number > 0, got {rule!r}"
            )
        if not is_strength(alpha):
            raise ValueError(f"RobustRegressor: alpha must be a finite number >= 0, got {alpha!r}")
        own, domain = next(iter(chosen.domains.items()), (None, None))
        if domain is not None and domain.high < np.inf:
            raise ValueError(f"RobustRegressor: {own} of {chosen.name} is not in the units of the error")
        if delta is None:
            delta = THRESHOLDS.get(chosen.name, (own, domain and domain.default))[1]
        elif domain is None:
            raise ValueError(f"RobustRegressor: delta must be None for {chosen.name}, which has no parameter")
        elif not (isinstance(delta, Real) and float(delta) in domain):
            raise ValueError(f"RobustRegressor: delta must be {domain}, got {delta!r}")
        y = y.astype(X.dtype, copy=False)
        means = _means(X, weight) if intercept else np.zeros(X.shape[1], X.dtype)
        return cls(X, y, weight, chosen, own, delta, rule, alpha, intercept, means)

    @cached_property
    def total(self) -> float:
        """The sum of weights, or the number of rows."""
        return float(len(self.y)) if self.weight is None else float(self.weight.sum(dtype=np.float64))

    def sample(self, every: int) -> "Problem":
        """The same problem with one in `every` rows of those that count."""
        if self.weight is None:
            return replace(self, X=np.ascontiguousarray(self.X[::every]), y=self.y[::every])
        rows = np.flatnonzero(self.weight)[::every]
        return replace(self, X=self.X[rows], y=self.y[rows], weight=self.weight[rows])

    def pred(self, coef: Array) -> Array:
        """The predictions of coefficients, the intercept last."""
        found: Array = self.X @ coef[:-1].astype(self.X.dtype)
        found += self.X.dtype.type(coef[-1])
        return found

    def params(self, scale: float) -> dict[str, Any]:
        """The parameter of the loss at a scale."""
        return {} if self.parameter is None or self.delta is None else {self.parameter: self.delta * scale}

    def value(self, pred: Array, coef: Array, scale: float) -> float:
        """The objective."""
        loss = self.loss(pred, self.y, weight=self.weight, **self.params(scale))
        return float(loss + 0.5 * self.alpha * (coef[:-1] @ coef[:-1]))


def _means(X: Array, weight: Array | None) -> Array:
    """The means of the columns, over a sample of ten thousand rows or more."""
    every = max(1, len(X) // 10_000)
    weight = None if weight is None else weight[::every]
    if weight is not None and not weight.any():
        return np.zeros(X.shape[1], X.dtype)
    means: Array = np.average(X[::every].astype(np.float64), axis=0, weights=weight)
    return means.astype(X.dtype)
