"""Cauchy loss: the negative logarithm of a Lorentzian, which grows ever more slowly."""

from math import copysign

from fastloss import math
from fastloss._define import loss
from fastloss._definition.domain import positive
from fastloss._math.logarithm import log_normal
from fastloss._math.primitives import evaluate


@loss("cauchy_loss", "lorentzian", scale=positive(default=1.0))
def cauchy(pred, target, scale):
    """Cauchy loss.

    ``scale ** 2 / 2 * log(1 + (e / scale) ** 2)``, with ``e = pred - target``.

    Parameters
    ----------
    scale : float, default 1.0
        The error beyond which the gradient decreases, in the units of `pred`; > 0.

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
    far = ratio > T(2.0**60)  # the square of such a ratio may overflow, and 1 is negligible beside it
    whole = math.fma(ratio, ratio, one)
    inverse = one / (ratio if far else whole)
    log = evaluate(log_normal, (size if far else whole,))
    # With q = ratio**2, log(1 + q) is log(whole) plus the rounding error of whole, which counts near 0.
    near = T(0.5) * math.fma(math.fma(ratio, ratio, one - whole), inverse, log)
    value = scale * (scale * (log - math.log(scale) if far else near))
    value = T(0.5) * error * error if ratio < T(2.0**-60) else value  # its square may vanish
    grad = (copysign(scale, error) if far else error) * inverse
    return value, grad, (-one if far else (one - ratio) * (one + ratio)) * inverse * inverse
