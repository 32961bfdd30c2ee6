"""Balanced L1 loss: smooth L1 whose inner gradient is raised by a logarithm."""

from math import copysign

from fastloss import math
from fastloss._define import loss
from fastloss._definition.domain import positive
from fastloss._math.exponential import divided, expm1_parts
from fastloss._math.logarithm import log1p_and_slope, log1pmx
from fastloss._math.primitives import evaluate
from fastloss._math.sums import precise_quotient


@loss(
    "balanced_l1_loss",
    alpha=positive(default=0.5),
    gamma=positive(default=1.5),
    beta=positive(default=1.0),
)
def balanced_l1(pred, target, alpha, gamma, beta):
    """Balanced L1 loss.

    ``alpha / b * (b * abs(e) + beta) * log(b * abs(e) / beta + 1) - alpha * abs(e)`` where ``abs(e) <=
    beta``, else ``gamma * abs(e) + gamma * beta / b - alpha * beta``, and ``b = exp(gamma / alpha) - 1``,
    with ``e = pred - target``.

    Parameters
    ----------
    alpha : float, default 0.5
        How much the gradients of small errors are raised: the smaller alpha, the larger they are; > 0.
    gamma : float, default 1.5
        The greatest gradient; > 0. Above ``60 * alpha``, results for errors below ``1e-10 * beta`` are
        approximate.
    beta : float, default 1.0
        The error at which the gradient reaches its greatest value, in the units of `pred`; > 0.

    Notes
    -----
    The paper has ``beta = 1``. For other values, MMDetection adds 1 instead of beta to ``b * abs(e)``, and
    ``gamma / b`` instead of ``gamma * beta / b`` beyond beta, so that its gradient jumps at beta. Here, the
    gradient up to beta is ``alpha * log(b * abs(e) / beta + 1)``.

    References
    ----------
    J. Pang, K. Chen, J. Shi, H. Feng, W. Ouyang and D. Lin, "Libra R-CNN: Towards Balanced Learning for
    Object Detection", CVPR 2019, arXiv:1904.02701, equations 6 to 8.

    Examples
    --------
    >>> from fastloss import balanced_l1
    >>> value, grad = balanced_l1.value_and_grad([0.5, 3.0], [0.0, 0.0])
    >>> round(value, 6), grad.round(6)
    (2.239581, array([0.58886, 0.75   ]))
    """
    T = type(pred)
    error = pred - target
    size = abs(error)
    power = gamma / alpha
    limited = T(60) if power > T(60) else power  # the excess is added to the logarithm
    # The rounding error of the exponent would be several units in the last place of the exponential.
    lacks = math.fma(-power, alpha, gamma) / alpha if power <= T(60) else T(0)
    rise, rise_lacks = evaluate(expm1_parts, (limited, lacks))
    if size > beta:
        bend = T(0.5) * rise if rise < T(2.0**-60) else -evaluate(log1pmx, (rise,)) / rise
        return math.fma(gamma, size, -alpha * beta * bend), copysign(gamma, error), T(0)
    # These depend only on the parameters, and are computed once if those are the same for all elements.
    steep, steep_lacks = evaluate(precise_quotient, (rise, rise_lacks, beta, T(0)))
    curve = math.fma(alpha, steep, math.fma(alpha, steep_lacks, T(0)))
    share = evaluate(divided, (alpha, T(0), steep, steep_lacks))
    x = math.fma(size, steep, T(0))
    x_lacks = math.fma(size, steep_lacks, math.fma(size, steep, -x))
    large = (power > T(60)) & (x > T(1))  # 1 is negligible beside it
    one, more = (T(0), power - limited) if large else (T(1), T(0))
    # (1 + x) * log(1 + x) - x, with the logarithm in two parts, the first of which is x near 0.
    whole, rest, inverse = evaluate(log1p_and_slope, (x - (T(1) - one),))
    end = (math.fma(one, whole, -x) + rest) + math.fma(x, rest, x_lacks * (more + whole))
    value = math.fma(x, more, math.fma(x, whole, end))
    value = T(0.5) * curve * size * size if x < T(2.0**-60) else share * value
    slope = more + (whole + math.fma(x_lacks, inverse, rest))
    return value, copysign(alpha * slope, error), curve / (one + x)
