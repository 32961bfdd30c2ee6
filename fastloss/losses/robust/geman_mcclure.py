"""Geman-McClure loss: quadratic near the target, constant far from it."""

from math import copysign

from fastloss import math
from fastloss._define import loss
from fastloss._definition.domain import positive


@loss("geman_mcclure_loss", scale=positive(default=1.0))
def geman_mcclure(pred, target, scale):
    """Geman-McClure loss.

    ``e ** 2 / 2 / (1 + (e / scale) ** 2)``, with ``e = pred - target``. For large errors, its limit is
    ``scale ** 2 / 2``.

    Parameters
    ----------
    scale : float, default 1.0
        The error at which the loss is half of its limit, in the units of `pred`; > 0.

    References
    ----------
    S. Geman and D. E. McClure, "Bayesian Image Analysis: An Application to Single Photon Emission
    Tomography", Proceedings of the Statistical Computing Section, American Statistical Association 1985,
    12-18.

    Examples
    --------
    >>> from fastloss import geman_mcclure
    >>> value, grad = geman_mcclure.value_and_grad([1.0, 6.0], [0.0, 0.0], scale=2.0)
    >>> round(value, 6), grad.round(6)
    (1.1, array([0.32, 0.03]))
    """
    T = type(pred)
    one = T(1)
    error = pred - target
    size = abs(error)
    near = size <= scale
    ratio = size / scale if near else scale / size  # at most 1, so that no square overflows
    square = ratio * ratio
    whole = math.fma(ratio, ratio, one)
    power = math.fma(square, math.fma(ratio, ratio, T(2)), one)  # whole**2, with a smaller rounding error
    if near:
        hess = math.fma(T(-3) * ratio, ratio, one) / (power * whole)
        return T(0.5) * error * error / whole, error / power, hess
    hess = math.fma(ratio, ratio, T(-3)) * square * square / (power * whole)
    return T(0.5) * scale * scale / whole, copysign(scale, error) * ratio * square / power, hess
