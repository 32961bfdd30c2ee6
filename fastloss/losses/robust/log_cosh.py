"""Log-cosh loss: quadratic near the target, linear far from it, smooth everywhere."""

from math import copysign

from fastloss import math
from fastloss._define import loss
from fastloss._math.exponential import exp_and_expm1, scaled
from fastloss._math.logarithm import twice_atanh
from fastloss._math.primitives import evaluate


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
    error = pred - target
    size = abs(error)
    # With u = exp(-2 * size) - 1 nothing overflows, and near 0, where tanh = -u / (2 + u), nothing cancels.
    number, exponent, u, lacks = evaluate(exp_and_expm1, (T(-2) * size, T(0)))
    near = u > T(-0.82)
    # log(cosh) is -log(1 - tanh**2) / 2 or, for large sizes, size + log(1 + u / 2).
    square, below = math.fma(u + u, lacks, u * u), math.fma(T(8), lacks, math.fma(u, u, T(8) * (T(1) + u)))
    top, bottom = (square, below) if near else (u, T(4) + u)
    part = evaluate(twice_atanh, (top / bottom,))
    value = T(0.5) * part if near else size + part
    twice = T(2) + u
    hess = evaluate(scaled, (T(4) * number / (twice * twice), exponent))
    return value, copysign(u / twice, error), hess
