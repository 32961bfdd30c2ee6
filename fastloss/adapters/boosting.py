"""Objectives and metrics for LightGBM and XGBoost, by both their native and their scikit-learn interfaces.

Neither library is imported here: an objective recognises the caller by its arguments.
"""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np

import fastloss
from fastloss import Loss
from fastloss.adapters._checks import check_parameters

Array = np.ndarray[Any, Any]

#: The approximate size of the sample whose median bounds the weights of an L1-like loss.
SAMPLE = 4096


def objective(
    loss: Loss | str, *, hess: Literal["majorizer", "exact"] = "majorizer", **params: float
) -> "Objective":
    """A loss in the form that LightGBM and XGBoost take as an objective.

    Parameters
    ----------
    loss : Loss or str
        A loss, which may be your own, or its name. The libraries' own squared error is
        ``"half_squared_error"``.
    hess : {"majorizer", "exact"}, default "majorizer"
        What trees take for the second derivative. The exact one is 0 where a loss is linear, which ruins
        Newton's steps. The majorizer is the weight of iteratively reweighted least squares, which is never
        too small: its parabola lies above the loss. The weights of an L1-like loss, which are infinite where
        the error is 0, are bounded by their median. For a loss with ``irls_weights="hess"``, the size of the
        second derivative is taken, as by saddle-free Newton (Dauphin et al., 2014, arXiv:1406.2572).
    **params : float
        The loss's own parameters, such as ``delta``, in the units of the target.

    Returns
    -------
    Objective
        A function of ``(preds, data)``, where data is a `lightgbm.Dataset` or `xgboost.DMatrix`, or of
        ``(y_true, y_pred, sample_weight)``. It returns the gradient and second derivative of the weighted sum
        of losses, and can be pickled.

    Raises
    ------
    TypeError, ValueError
        A loss or parameter that fastloss does not have or allow; an unknown `hess`. The objective raises
        ValueError if a weight of the majorizer is negative, as for a loss of your own whose minimum is not at
        ``pred = target``.

    Notes
    -----
    With an objective that is not their own, both libraries start from 0 and predict what the trees add to it:
    see `initial_score`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastloss.adapters.boosting import objective
    >>> grad, hess = objective("huber", delta=1.0)(y_true=np.zeros(3), y_pred=np.array([0.5, 2.0, -8.0]))
    >>> grad, hess
    (array([ 0.5,  1. , -1. ]), array([1.   , 0.5  , 0.125]))
    """
    if hess not in ("majorizer", "exact"):
        raise ValueError(f"objective: hess must be 'majorizer' or 'exact', got {hess!r}")
    return Objective(fastloss.get(loss), hess == "exact", params)


class Objective:
    """The result of `objective`, which describes it."""

    def __init__(self, loss: Loss, exact: bool, params: dict[str, Any]) -> None:
        check_parameters(loss, params)
        self.loss, self.exact, self.params = loss, exact, params
        at_0 = loss.irls_weights(np.zeros(1), np.zeros(1), **params)
        self.unbounded = not exact and bool(np.isinf(at_0[0]))

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> tuple[Array, Array]:
        """Return the gradient and the second derivative, for whichever library calls."""
        target, pred, weight = _operands(y_true, y_pred, sample_weight)
        given: dict[str, Any] = {"weight": weight, "reduction": "sum"} | self.params
        if self.unbounded:
            grad, hess = self.loss.grad(pred, target, **given), self._bounded(pred, target, weight)
        elif self.exact or self.loss.own_weights == "hess":
            grad, hess = self.loss.grad_and_hess(pred, target, **given)
        else:
            grad = self.loss.grad(pred, target, **given)
            hess = self.loss.irls_weights(pred, target, **given)
        if self.exact:
            return grad, hess
        if self.loss.own_weights == "hess":  # of a loss that may be concave in places
            np.abs(hess, out=hess)
        elif hess.size and hess.min() < 0:
            raise ValueError(
                f"objective: {self.loss.name} has no majorizer, because its minimum is not at pred = target: "
                "define it with irls_weights='hess', or pass hess='exact'"
            )
        return grad, hess

    def _bounded(self, pred: Array, target: Array, weight: Array | None) -> Array:
        """IRLS weights, bounded by their median, times the weights of the rows."""
        hess: Array = self.loss.irls_weights(pred, target, **self.params)
        np.minimum(hess, _middle(hess), out=hess)
        if weight is not None:
            hess *= weight
        return hess


def _middle(weights: Array) -> float:
    """The median of the finite weights in a sample."""
    sample = weights[:: max(1, len(weights) // SAMPLE)]
    sample = sample[np.isfinite(sample)]
    return float(np.median(sample)) if len(sample) else 1.0


def _operands(first: Any, second: Any, weight: Any) -> tuple[Array, Array, Array | None]:
    """Targets, predictions and weights of a call ``(preds, data)`` or ``(y_true, y_pred, weight)``."""
    if hasattr(second, "get_label"):
        first, second, weight = second.get_label(), first, second.get_weight()
    if weight is not None and len(weight) == 0:  # XGBoost's form of no weights
        weight = None
    target, pred = np.asarray(first), np.asarray(second)
    if pred.size != target.size:
        raise ValueError(
            f"fastloss.adapters.boosting: expected one prediction for each target, got predictions of shape "
            f"{pred.shape} for targets of shape {target.shape}"
        )
    return target, pred.reshape(target.shape), weight


def metric(loss: Loss | str, **params: Any) -> "Metric":
    """A loss in the form that LightGBM and XGBoost take as a metric: its mean, weighted if there are weights.

    Parameters
    ----------
    loss : Loss or str
        A loss, which may be your own, or its name.
    **params : float
        The loss's own parameters, such as ``delta``.

    Returns
    -------
    Metric
        A function of ``(preds, data)`` for LightGBM's ``feval`` and XGBoost's ``custom_metric``, and an
        ``eval_metric`` for their scikit-learn interfaces. Lower is better. With an objective of `objective`,
        the predictions are those that the loss takes, such as logits.

    Examples
    --------
    >>> import numpy as np
    >>> from fastloss.adapters.boosting import metric
    >>> metric("absolute_error")(np.zeros(2), np.array([1.0, 2.0]))
    1.5
    """
    return Metric(fastloss.get(loss), params)


class Metric:
    """The result of `metric`, which describes it."""

    def __init__(self, loss: Loss, params: dict[str, Any]) -> None:
        check_parameters(loss, params)
        self.loss, self.params = loss, params
        self.__name__ = loss.name  # the name that XGBoost shows

    def __call__(self, y_true: Any, y_pred: Any, *others: Any, sample_weight: Any = None) -> Any:
        """Return the mean in the form that the caller expects.

        LightGBM also expects a name, and whether higher is better. Its scikit-learn interface passes as many
        arguments as there are here: weights and groups by position. XGBoost's passes weights by keyword.
        """
        weight = others[0] if others else sample_weight
        target, pred, weight = _operands(y_true, y_pred, weight)
        value = self.loss(pred, target, weight=weight, **self.params)
        native = hasattr(y_pred, "get_label")
        if others or (native and hasattr(y_pred, "get_init_score")):
            return self.loss.name, value, False
        return (self.loss.name, value) if native else value


def initial_score(loss: Loss | str, target: Any, *, weight: Any = None, **params: Any) -> float:
    """The constant prediction with the smallest loss, from which boosting should start.

    Parameters
    ----------
    loss : Loss or str
        A loss, which may be your own, or its name.
    target : array_like of shape (n,)
        The targets to train on.
    weight : array_like of shape (n,), optional
        Their weights.
    **params : float
        The loss's own parameters.

    Returns
    -------
    float
        XGBoost's parameter ``base_score``. With LightGBM, it is the ``init_score`` of all rows, which
        predictions do not contain: add it to them. For a loss with local minima, it is one next to the median
        or 0.

    Raises
    ------
    ValueError
        There is no such number, as for counts that are all 0; there are no targets, or one that the loss
        does not allow.

    Examples
    --------
    >>> from fastloss.adapters.boosting import initial_score
    >>> round(initial_score("huber", [1.0, 2.0, 3.0, 100.0], delta=1.5), 6)
    2.5
    """
    chosen, target = fastloss.get(loss), np.asarray(target, np.float64)
    check_parameters(chosen, params)
    if not target.size:
        raise ValueError("initial_score: target must have elements, got none")
    given: dict[str, Any] = {"weight": weight, "reduction": "sum"} | params

    def slope(score: float) -> float:
        return float(chosen.grad(np.broadcast_to(score, target.shape), target, **given).sum())

    def value(score: float) -> float:
        return float(chosen(np.broadcast_to(score, target.shape), target, **given))

    middle = float(np.median(target))
    start = middle if value(middle) < value(0.0) else 0.0
    if np.isnan(value(start)):
        raise ValueError(f"initial_score: {chosen.name} is NaN on these targets, which must be in its domain")
    low, high = _bracket(slope, start, float(np.median(abs(target - start))) or 1.0)
    while low < (between := 0.5 * (low + high)) < high:
        low, high = (between, high) if slope(between) < 0 else (low, between)
    return high


def _bracket(slope: Callable[[float], float], start: float, step: float) -> tuple[float, float]:
    """Two numbers that bracket a minimum next to `start`, found by steps downhill that double."""
    direction = 1 if slope(start) < 0 else -1
    while np.isfinite(end := start + direction * step):
        if (slope(end) < 0) is not (direction > 0):
            return (start, end) if direction > 0 else (end, start)
        start, step = end, 2 * step
    raise ValueError("initial_score: the loss has no minimum on these targets")
