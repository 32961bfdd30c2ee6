"""Smooth L1 loss: absolute error with its corner rounded within beta of the target."""

from math import copysign

from fastloss._define import loss
from fastloss._definition.domain import nonnegative


def _weight(pred, target, beta):
    size = abs(pred - target)
    return type(pred)(1) / (beta if size <= beta else size)  # NaN stays NaN; with beta = 0, inf at the corner


@loss("smooth_l1_loss", beta=nonnegative(default=1.0), irls_weights=_weight)
def smooth_l1(pred, target, beta):
    """Smooth L1 loss.

    ``e ** 2 / (2 * beta)`` where ``abs(e) <= beta``, else ``abs(e) - beta / 2``, with
    ``e = pred - target``. It is `huber` at delta = beta, divided by beta.

    Parameters
    ----------
    beta : float, default 1.0
        The error at which the loss turns from quadratic to linear, in the units of `pred`; finite, >= 0.
        With 0, it is `absolute_error`.

    References
    ----------
    R. Girshick, "Fast R-CNN", ICCV 2015, arXiv:1504.08083, equation 3 (beta = 1).

    Examples
    --------
    >>> from fastloss import smooth_l1
    >>> value, grad = smooth_l1.value_and_grad([0.25, 3.0], [0.0, 0.0], beta=0.5)
    >>> value, grad
    (1.40625, array([0.25, 0.5 ]))
    """
    T = type(pred)
    error = pred - target
    size = abs(error)
    if size > beta:  # NaN falls through and stays NaN
        return size - T(0.5) * beta, copysign(T(1), error), T(0)
    if beta == 0:  # a zero error, or NaN: both are their own value and gradient
        return size, error, T(0)
    # Dividing first keeps value and gradient finite for every beta, subnormal ones too.
    ratio = error / beta
    return T(0.5) * error * ratio, ratio, T(1) / beta
