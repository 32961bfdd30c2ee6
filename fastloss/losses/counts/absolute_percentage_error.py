"""Absolute percentage error: the absolute error as a share of the target."""

from math import copysign

from fastloss._define import loss
from fastloss._definition.domain import positive


def _weight(pred, target, epsilon):
    whole = abs(target)
    return type(pred)(1) / abs(pred - target) / (epsilon if whole < epsilon else whole)  # inf at the corner


@loss(
    "mape",
    "mean_absolute_percentage_error",
    epsilon=positive(default=2.0**-52),
    irls_weights=_weight,
)
def absolute_percentage_error(pred, target, epsilon):
    """Absolute percentage error.

    ``abs(e) / max(abs(target), epsilon)``, with ``e = pred - target``. The gradient is 0 where the error is
    0.

    Parameters
    ----------
    epsilon : float, default 2.0**-52
        The smallest number that the error is divided by, in the units of `target`; > 0.

    Notes
    -----
    The loss is a fraction, as in scikit-learn. Keras returns percent and uses another epsilon.

    References
    ----------
    R. J. Hyndman and A. B. Koehler, "Another Look at Measures of Forecast Accuracy", International Journal of
    Forecasting 22 (2006), 679-688.

    Examples
    --------
    >>> from fastloss import absolute_percentage_error
    >>> value, grad = absolute_percentage_error.value_and_grad([1.0, 3.0], [2.0, 4.0])
    >>> value, grad
    (0.375, array([-0.25 , -0.125]))
    """
    T = type(pred)
    error = pred - target
    size = abs(error)
    whole = abs(target)
    whole = epsilon if whole < epsilon else whole
    return size / whole, (copysign(T(1), error) if size > T(0) else error) / whole, T(0)
