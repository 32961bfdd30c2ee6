"""General robust loss: a family, set by one number, from least squares to an inverted bell."""

from math import copysign, inf

import numpy as np

from fastloss import math
from fastloss._define import loss
from fastloss._definition.domain import Domain, positive
from fastloss._math.exponential import exp_and_expm1, scaled
from fastloss._math.power import precise_log1p
from fastloss._math.primitives import evaluate, typed
from fastloss._math.sums import precise_quotient, squared_quotient, summed

#: Sizes of alpha, in float32 and float64, that are as good as infinity.
INFINITE = (np.float32(2.0**60), 2.0**100)


@loss(
    "barron",
    alpha=Domain(-inf, inf, True, False, 1.0),
    scale=positive(default=1.0),
)
def general_robust(pred, target, alpha, scale):
    """General robust loss.

    ``b / alpha * ((r ** 2 / b + 1) ** (alpha / 2) - 1)`` and its limits at alpha = 2, 0 and -inf, and
    ``b = abs(alpha - 2)``, ``r = e / scale``, with ``e = pred - target``.

    Parameters
    ----------
    alpha : float, default 1.0
        The shape: ``-inf`` or any finite number. Up to constant factors, also of the scale, 2 is half of the
        squared error, 1 is `pseudo_huber`, 0 is `cauchy`, -2 is `geman_mcclure` and ``-inf`` is `welsch`.
        The smaller alpha, the less large errors count.
    scale : float, default 1.0
        The error at which the loss begins to depart from a quadratic one, in the units of `pred`; > 0.
        If ``e / scale`` overflows, the error counts as infinite.

    Notes
    -----
    The loss has no units: it is a function of ``e / scale``.

    References
    ----------
    J. T. Barron, "A General and Adaptive Robust Loss Function", CVPR 2019, arXiv:1701.03077, equations
    1 and 8 and appendix B.

    Examples
    --------
    >>> from fastloss import general_robust
    >>> value, grad = general_robust.value_and_grad([0.75, 3.0], [0.0, -1.0], alpha=1.0, scale=3.0)
    >>> round(value, 6), grad.round(6)
    (0.348722, array([0.040423, 0.133333]))
    """
    T = type(pred)
    zero, one, half = T(0), T(1), T(0.5)
    error = pred - target
    size = abs(error)
    limit = typed(pred, INFINITE)
    shape = -limit if alpha < -limit else limit if alpha > limit else alpha
    less, less_lacks = evaluate(summed, (shape, T(-2)))
    bend = one if less == zero else abs(less)  # at alpha = 2 any number will do
    bend_lacks = less_lacks if less > zero else -less_lacks
    # The rounding errors of the quotients would be many units in the last place of a high power.
    ratio, square, square_lacks = evaluate(squared_quotient, (size, scale))
    whole, whole_lacks = evaluate(precise_quotient, (square, square_lacks, bend, bend_lacks))
    far = whole > T(2.0**100)  # 1 is negligible beside it; it may overflow where its logarithm does not
    log, lacks = evaluate(precise_log1p, (ratio - one if far else whole, zero if far else whole_lacks))
    if far:
        log, more = evaluate(summed, (T(2) * log, -math.log(bend)))
        lacks = math.fma(T(2), lacks, more)
    power = math.fma(half * shape, log, zero)  # fma, so that no compiler fuses the product with a sum
    power_lacks = math.fma(half * shape, lacks, math.fma(half * shape, log, -power))
    if abs(power) < T(2.0**-60):  # alpha or the error is nearly 0
        value = half * (square if whole < T(2.0**-60) else bend * (log + lacks))
    else:
        number, exponent, less, _ = evaluate(exp_and_expm1, (power, power_lacks))
        factor = bend / shape
        value = evaluate(scaled, (factor * number, exponent)) if power > T(40) else factor * less
    # The gradient is ratio * exp(power - log) / scale; far from the target, ratio**2 is bend * exp(log).
    share = half if far else one
    other, other_lacks = evaluate(summed, (power, -share * log))
    other_lacks = other_lacks + math.fma(-share, lacks, power_lacks)
    number, exponent, _, _ = evaluate(exp_and_expm1, (other, other_lacks))
    slope = evaluate(scaled, ((math.sqrt(bend) if far else ratio) * number / scale, exponent))
    turn = (shape - one) + one / whole if far else math.fma(shape - one, whole, one) / (one + whole)
    hess = evaluate(scaled, ((math.sqrt(bend) / ratio if far else one) * number / scale, exponent))
    if ratio == T(inf):
        value = bend / -shape if shape < zero else ratio
        slope = zero if shape < one else ratio if shape > one else one / scale
        hess = zero if shape < T(2) else ratio if shape > T(2) else one / scale
    return value, copysign(slope, error), turn * hess / scale
