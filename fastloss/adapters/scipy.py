"""Losses for `scipy.optimize`: linear models for ``minimize``, and the losses of ``least_squares``."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import fastloss
from fastloss import Loss
from fastloss.adapters._checks import check_parameters, is_strength

try:
    from scipy import sparse
except ImportError as error:
    raise ImportError("fastloss.adapters.scipy needs SciPy: pip install 'fastloss[scipy]'") from error

Array = np.ndarray[Any, Any]

#: Rows in a block of a dense matrix, so that both products with a block find it in a cache. An evaluation of
#: (10^6, 20) numbers of float32 takes 20 ms; with one block it takes 25, with blocks of 1,024 rows 51.
ROWS = 8192


def rho(loss: Loss | str, **params: float) -> Callable[[Array], Array]:
    """A loss in the form that `scipy.optimize.least_squares` takes as ``loss``.

    The cost of residuals f in `least_squares` is ``0.5 * sum(rho(f ** 2))``, which is the sum of
    ``loss(f, 0)`` here.

    Parameters
    ----------
    loss : Loss or str
        A loss of the error ``pred - target`` that is the same for f and -f, or its name.
    **params : float
        The loss's own parameters, such as ``delta``, in the units of the residuals. With ``f_scale=c`` in
        `least_squares`, they are in units of c.

    Returns
    -------
    function
        A function of the squares ``z = f ** 2``, of shape (m,), that returns an array of shape (3, m): rho
        and its first and second derivative with respect to z. At z = 0, the first derivative of an L1-like
        loss is inf, which `least_squares` cannot use.

    Raises
    ------
    TypeError, ValueError
        A parameter that the loss does not have or allow; a loss that does not depend on the size of the error
        alone.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.optimize import least_squares
    >>> from fastloss.adapters.scipy import rho
    >>> y = np.array([1.0, 2.0, 3.0, 100.0])
    >>> fit = least_squares(lambda x: x - y, 0.0, loss=rho("huber", delta=1.5))
    >>> fit.x.round(4)
    array([2.5])
    """
    chosen = fastloss.get(loss)
    check_parameters(chosen, params)
    _check_even(chosen, params)

    def found(z: Array) -> Array:
        size = np.sqrt(z)
        rows = np.empty((3, *size.shape))
        value, slope, curve = rows
        chosen.value_grad_hess(
            size, 0.0, reduction="none", loss_out=value, grad_out=slope, hess_out=curve, **params
        )
        value *= 2
        chosen.irls_weights(size, 0.0, reduction="none", weights_out=slope, **params)
        # With respect to z, the square of the error, it is (L'' - L' / e) / (2 * e ** 2).
        curve -= slope
        with np.errstate(invalid="ignore", divide="ignore"):
            curve /= 2 * z
        curve[z == 0] = 0  # only its product with z is used
        return rows

    return found


def _check_even(loss: Loss, params: dict[str, float]) -> None:
    """Refuse a loss unless it depends on the size of ``pred - target`` alone."""
    sizes, targets = np.array([0.5, 1.0, 8.0]), np.zeros(3)
    first, *others = (
        loss(target + sign * sizes, targets + target, reduction="none", **params)
        for sign, target in ((1, 0), (-1, 0), (1, 4), (-1, 4))
    )
    if not all(np.array_equal(first, other) for other in others):
        raise ValueError(f"rho: loss must depend on the size of pred - target alone, got {loss.name}")


class LinearObjective:
    """The result of `linear_objective`, which describes it."""

    def __init__(
        self,
        loss: Loss,
        X: Any,
        y: Array,
        weight: Array | None,
        l2: float,
        intercept: bool,
        params: dict[str, float],
    ) -> None:
        self.loss, self.X, self.y, self.weight = loss, X, y, weight
        self.l2, self.intercept, self.params = l2, intercept, params
        self.normalizer = float(len(y) if weight is None else weight.sum(dtype=np.float64))
        if not self.normalizer > 0:
            raise ValueError(f"linear_objective: the sum of weights must be > 0, got {self.normalizer!r}")

    def __call__(self, coef: Array) -> tuple[float, Array]:
        """Return the objective at the coefficients, the intercept last, and its gradient, a new array."""
        self._check("coef", coef)
        total, grad = 0.0, np.zeros(len(coef))
        for X, y, weight in self._blocks():
            value, slope = self.loss.value_and_grad(
                self._pred(X, coef), y, weight=weight, reduction="sum", **self.params
            )
            total += value
            self._add(grad, X, slope)
        grad /= self.normalizer
        penalised = self._penalised(coef)
        grad += self.l2 * penalised
        return total / self.normalizer + 0.5 * self.l2 * float(penalised @ penalised), grad

    def hess(self, coef: Array) -> Array:
        """Return the matrix of second derivatives at the coefficients."""
        self._check("coef", coef)
        found = np.zeros((len(coef), len(coef)))
        width = self.X.shape[1]
        for X, y, weight in self._blocks():
            curve = self._curvature(X, y, weight, coef)
            scaled = X.multiply(curve[:, None]).tocsr() if sparse.issparse(X) else X * curve[:, None]
            product = X.T @ scaled
            found[:width, :width] += product.toarray() if sparse.issparse(product) else product
            if self.intercept:
                found[width, :width] += np.asarray(scaled.sum(axis=0)).ravel()
                found[width, width] += curve.sum(dtype=np.float64)
        found[:width, width:] = found[width:, :width].T
        found /= self.normalizer
        found[range(width), range(width)] += self.l2
        return found

    def hessp(self, coef: Array, direction: Array) -> Array:
        """Return the product of that matrix with a direction, without computing the matrix."""
        self._check("coef", coef)
        self._check("direction", direction)
        found = np.zeros(len(coef))
        for X, y, weight in self._blocks():
            self._add(found, X, self._curvature(X, y, weight, coef) * self._pred(X, direction))
        return found / self.normalizer + self.l2 * self._penalised(direction)

    def _check(self, name: str, x: Array) -> None:
        """Refuse coefficients of another shape: without it, the last slope would also be the intercept."""
        shape = (self.X.shape[1] + self.intercept,)
        if np.shape(x) != shape:
            last = ", the intercept last" * self.intercept
            raise ValueError(f"linear_objective: {name} must have shape {shape}{last}, got {np.shape(x)}")

    def _blocks(self) -> Iterator[tuple[Any, Array, Array | None]]:
        rows = len(self.y) if sparse.issparse(self.X) else ROWS
        for start in range(0, len(self.y), max(rows, 1)):
            part = slice(start, start + rows)
            yield self.X[part], self.y[part], None if self.weight is None else self.weight[part]

    def _pred(self, X: Any, coef: Array) -> Array:
        coef = np.asarray(coef, X.dtype)
        pred: Array = X @ coef[: X.shape[1]]
        return pred + coef[-1] if self.intercept else pred

    def _curvature(self, X: Any, y: Array, weight: Array | None, coef: Array) -> Array:
        pred = self._pred(X, coef)
        curve: Array = self.loss.grad_and_hess(pred, y, weight=weight, reduction="sum", **self.params)[1]
        return curve

    def _add(self, total: Array, X: Any, slope: Array) -> None:
        total[: X.shape[1]] += X.T @ slope
        if self.intercept:
            total[-1] += slope.sum(dtype=np.float64)

    def _penalised(self, coef: Array) -> Array:
        found = np.array(coef, np.float64)
        if self.intercept:
            found[-1] = 0
        return found


def linear_objective(
    loss: Loss | str,
    X: Any,
    y: Any,
    *,
    weight: Any = None,
    l2: float = 0.0,
    intercept: bool = True,
    **params: float,
) -> LinearObjective:
    """The mean loss of a linear model, for `scipy.optimize.minimize` with ``jac=True``.

    It is ``loss(X @ w + b, y) + l2 / 2 * sum(w ** 2)``, where the coefficients are w and, last, b. A dense X
    is read once for the value and the gradient.

    Parameters
    ----------
    loss : Loss or str
        A loss or its name.
    X : array or sparse matrix of shape (n, p)
        The features, of float32 or float64, the type in which predictions are computed; other numbers are
        converted to float64. A sparse matrix is converted to CSR.
    y : array_like of shape (n,)
        Targets.
    weight : array_like of shape (n,), optional
        Weights; the mean is divided by their sum.
    l2 : float, default 0.0
        The strength of the penalty on the coefficients except the intercept; finite, >= 0.
    intercept : bool, default True
        Whether the last coefficient is added to all predictions.
    **params : float
        The loss's own parameters.

    Returns
    -------
    LinearObjective
        A function of the coefficients, of shape (p + 1,) or, without an intercept, (p,). It returns the value
        and the gradient. Its methods `hess` and `hessp` are for trust-region methods.

    Raises
    ------
    TypeError, ValueError
        A parameter that the loss does not have; operands that are not real numbers, or of shapes that do not
        fit; weights whose sum is not above 0; an `l2` that is negative or not finite. The objective raises
        ValueError for coefficients of another shape.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.optimize import minimize
    >>> from fastloss.adapters.scipy import linear_objective
    >>> x = np.arange(6.0)
    >>> y = 2 * x + 1
    >>> y[3] = 100.0
    >>> objective = linear_objective("huber", x[:, None], y, delta=0.1)
    >>> fit = minimize(objective, np.zeros(2), jac=True, method="trust-exact", hess=objective.hess)
    >>> fit.x.round(1)
    array([2., 1.])
    """
    who, chosen = "linear_objective", fastloss.get(loss)
    check_parameters(chosen, params)
    X = X.tocsr() if sparse.issparse(X) else np.asarray(X)
    if X.ndim != 2:
        raise ValueError(f"{who}: X must have 2 axes, got {X.ndim}")
    given = {"X": X, "y": np.asarray(y)} | ({} if weight is None else {"weight": np.asarray(weight)})
    for name, x in given.items():
        if x.dtype.kind not in "fiubO":
            raise TypeError(f"{who}: {name} must hold real numbers, got dtype {x.dtype}")
        if name != "X" and x.shape != X.shape[:1]:
            raise ValueError(f"{who}: {name} must have shape ({X.shape[0]},), got {x.shape}")
    if X.dtype not in (np.float32, np.float64):
        X = X.astype(np.float64)
    if not is_strength(l2):
        raise ValueError(f"{who}: l2 must be finite and >= 0, got {l2!r}")
    return LinearObjective(chosen, X, given["y"], given.get("weight"), float(l2), bool(intercept), params)
