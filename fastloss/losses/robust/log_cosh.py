"""Log-cosh loss: quadratic near the target, linear far from it, smooth everywhere."""

from math import copysign

from fastloss import math
from fastloss._define import loss


@loss("logcosh")
def log_cosh(pred, target):
    """Log-cosh loss.

    ``log(cosh(e))``, with ``e = pred - target``. It is nearly ``e ** 2 / 2`` near 0 and ``abs(e) - log(2)``
    far from it.

    References
    ----------
    P. J. Green, "Bayesian Reconstructions From Emission Tomography Data Using a Modified EM Algorithm", IEEE
    Transactions on Medical Imaging 9 (1990), 84-93.

    Examples
    --------
    >>> from fastloss import log_cosh
    >>> value, grad = log_cosh.value_and_grad([0.5, 3.0], [0.0, 0.0])
    >>> round(value, 6), grad.round(6)
    (1.214722, array([0.231059, 0.497527]))
    """
    T = type(pred)
    one = T(1)
    error = pred - target
    size = abs(error)
    near = size < one
    # With u = exp(-size) - 1 nothing cancels near 0, with u = exp(-2 * size) - 1 nothing overflows far away.
    u = math.expm1(-size if near else T(-2) * size)
    power = one + u
    rise = u * u / (T(2) * power) if near else T(0.5) * u
    value = math.log1p(rise) + (T(0) if near else size)
    slope = (-u * (T(2) + u) if near else -u) / (math.fma(power, power, one) if near else T(2) + u)
    decay = math.exp(-size)
    curve = T(2) * decay / math.fma(decay, decay, one)
    return value, copysign(slope, error), curve * curve
