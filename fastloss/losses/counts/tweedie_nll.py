"""Tweedie loss with a log link: for amounts, many of which may be exactly zero."""

from math import nan

from fastloss import math
from fastloss._define import loss
from fastloss._definition.domain import real
from fastloss._math.exponential import exp_product, exp_product_parts, scaled
from fastloss._math.primitives import evaluate
from fastloss._math.sums import fma_or_infinite


@loss("tweedie_nll_loss", "half_tweedie", power=real(default=1.5), irls_weights="hess")
def tweedie_nll(pred, target, power):
    """Tweedie loss with a log link.

    ``exp((2 - power) * pred) / (2 - power) - target * exp((1 - power) * pred) / (1 - power)``, where
    ``exp(0 * pred) / 0`` stands for ``pred``. The prediction is the logarithm of the mean.

    Parameters
    ----------
    power : float, default 1.5
        The variance is proportional to the mean raised to this power; any finite number. 0 is the normal
        distribution, 1 Poisson's (`poisson_nll`), 2 the gamma distribution (`gamma_nll`) and 3 the inverse
        Gaussian. Between 1 and 2, a share of the targets is exactly zero.

    Notes
    -----
    The results are NaN where the distribution does not allow the target: if it is negative and the power is
    above 0, or if it is 0 and the power is 2 or more. Terms that depend only on the target and the power are
    left out.

    References
    ----------
    B. Jorgensen, "Exponential Dispersion Models", Journal of the Royal Statistical Society B 49 (1987),
    127-162.

    Examples
    --------
    >>> from fastloss import tweedie_nll
    >>> value, grad = tweedie_nll.value_and_grad([0.0, 1.0], [1.0, 3.0], power=1.5)
    >>> round(value, 6), grad.round(6)
    (5.468313, array([ 0.      , -0.085435]))
    """
    T = type(pred)
    zero, one = T(0), T(1)
    first, second = T(2) - power, one - power
    # The rounding error of the exponent would be many units in the last place of the exponential.
    number, exponent = evaluate(exp_product_parts, (pred, first, (T(2) - first) - power))
    rise, share = evaluate(scaled, (number, exponent)), evaluate(scaled, (number / first, exponent))
    root = evaluate(exp_product, (T(0.5) * pred, second, (one - second) - power))
    root = one if target == zero else root  # root may be infinite, and 0 * inf is NaN
    part = target * root
    # Where both terms overflow, the result is the larger one.
    larger = math.exp(pred) > abs(target)
    grad = evaluate(fma_or_infinite, (-part, root, rise, rise if larger else -part * root))
    bend, fall = evaluate(scaled, (first * number, exponent)), second * part
    hess = evaluate(fma_or_infinite, (-fall, root, bend, bend if larger else -fall * root))
    share = pred if first == zero else share
    fall, part = (pred, target) if second == zero else (root / second, part)
    value = evaluate(fma_or_infinite, (-fall, part, share, share if larger else -fall * part))
    outside = ((target < zero) & (power > zero)) | ((target == zero) & (power >= T(2)))
    return (T(nan), T(nan), T(nan)) if outside else (value, grad, hess)
