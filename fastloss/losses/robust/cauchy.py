"""Cauchy loss: the logarithm of a Lorentzian, which grows ever more slowly."""

from math import copysign, inf

from fastloss import math
from fastloss._define import loss
from fastloss._definition.domain import positive


@loss("cauchy_loss", "lorentzian", scale=positive(default=1.0))
def cauchy(pred, target, scale):
    """Cauchy loss.

    ``scale ** 2 / 2 * log(1 + (e / scale) ** 2)``, with ``e = pred - target``.

    Parameters
    ----------
    scale : float, default 1.0
        Beyond this error the gradient falls, in the units of `pred`; > 0.

    References
    ----------
    M. J. Black and P. Anandan, "The Robust Estimation of Multiple Motions: Parametric and Piecewise-Smooth
    Flow Fields", Computer Vision and Image Understanding 63 (1996), 75-104.

    Examples
    --------
    >>> from fastloss import cauchy
    >>> value, grad = cauchy.value_and_grad([1.0, 6.0], [0.0, 0.0], scale=2.0)
    >>> round(value, 6), grad.round(6)
    (2.525729, array([0.4, 0.3]))
    """
    T = type(pred)
    one = T(1)
    error = pred - target
    size = abs(error)
    ratio = size / scale
    if ratio < T(2.0**-60):  # whose square may vanish
        return T(0.5) * error * error, error, one
    far = ratio > T(2.0**60)  # whose square may overflow, and outweighs 1
    whole = math.fma(ratio, ratio, one)
    inverse = one / (ratio if far else whole)
    huge = ratio == T(inf)
    log = math.log(size if huge else ratio if far else whole)
    # log(1 + q) is log(whole) and, where that is near 0, what the rounded sum lacks.
    near = T(0.5) * math.fma(math.fma(ratio, ratio, one - whole), inverse, log)
    log = log - math.log(scale) if huge else log if far else near
    grad = copysign(scale, error) * inverse if far else error * inverse
    return scale * (scale * log), grad, (-one if far else (one - ratio) * (one + ratio)) * inverse * inverse
