"""Absolute error (L1): every error counts in proportion to its size."""

from math import copysign

from fastloss._define import loss


def _weight(pred, target):
    return type(pred)(1) / abs(pred - target)  # inf at the corner


@loss("l1", "mae", "l1_loss", "mean_absolute_error", irls_weights=_weight)
def absolute_error(pred, target):
    """Absolute error.

    ``abs(e)`` with ``e = pred - target``. Its gradient is the sign of the error, and 0 where
    the error is 0.

    Examples
    --------
    >>> from fastloss import absolute_error
    >>> absolute_error([1.0, 4.0], [3.0, 3.0])
    1.5
    """
    T = type(pred)
    error = pred - target
    size = abs(error)
    # A zero error and NaN are their own gradient.
    return size, copysign(T(1), error) if size > 0 else error, T(0)
