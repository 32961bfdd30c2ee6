"""Huber loss: quadratic within delta of the target, linear beyond."""

from math import copysign

from fastloss._define import loss
from fastloss._definition.domain import positive


@loss("huber_loss", delta=positive(default=1.0, infinite=True))
def huber(pred, target, delta):
    """Huber loss.

    ``e ** 2 / 2`` where ``abs(e) <= delta``, else ``delta * (abs(e) - delta / 2)``, with
    ``e = pred - target``. At delta = 1 it is `smooth_l1` at beta = 1.

    Parameters
    ----------
    delta : float, default 1.0
        The error at which the loss turns from quadratic to linear, in the units of `pred`; > 0.
        With ``inf``, it is `half_squared_error`.

    References
    ----------
    P. J. Huber, "Robust Estimation of a Location Parameter", Annals of Mathematical
    Statistics 35 (1964), 73-101.

    Examples
    --------
    >>> from fastloss import huber
    >>> value, grad = huber.value_and_grad([0.5, 3.0], [0.0, 0.0], delta=1.0)
    >>> value, grad
    (1.3125, array([0.25, 0.5 ]))
    """
    T = type(pred)
    error = pred - target
    if abs(error) > delta:  # NaN falls through to the quadratic branch and stays NaN
        return delta * (abs(error) - T(0.5) * delta), copysign(delta, error), T(0)
    return T(0.5) * error * error, error, T(1)
