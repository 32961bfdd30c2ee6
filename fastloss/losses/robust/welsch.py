"""Welsch loss: an inverted bell, quadratic near the target and constant far from it."""

from math import copysign

from fastloss import math
from fastloss._define import loss
from fastloss._definition.domain import positive
from fastloss._math.exponential import exp_and_expm1, scaled
from fastloss._math.primitives import evaluate
from fastloss._math.sums import squared_quotient


@loss("welsch_loss", "leclerc", scale=positive(default=1.0))
def welsch(pred, target, scale):
    """Welsch loss.

    ``scale ** 2 / 2 * (1 - exp(-(e / scale) ** 2))``, with ``e = pred - target``.

    Parameters
    ----------
    scale : float, default 1.0
        The width of the bell, in the units of `pred`; > 0.

    References
    ----------
    J. E. Dennis and R. E. Welsch, "Techniques for Nonlinear Least Squares and Robust Regression",
    Communications in Statistics - Simulation and Computation 7 (1978), 345-359.

    Examples
    --------
    >>> from fastloss import welsch
    >>> value, grad = welsch.value_and_grad([1.0, 6.0], [0.0, 0.0], scale=2.0)
    >>> round(value, 6), grad.round(6)
    (1.221076, array([3.894e-01, 3.700e-04]))
    """
    T = type(pred)
    error = pred - target
    size = abs(error)
    # The rounding error of the square would be many units in the last place of its exponential.
    ratio, square, lacks = evaluate(squared_quotient, (size, scale))
    if ratio < T(2.0**-60):  # its square may vanish
        return T(0.5) * error * error, error, T(1)
    if ratio > T(32):  # the exponential is 0
        return T(0.5) * scale * scale, copysign(T(0), error), T(0)
    number, power, less, _ = evaluate(exp_and_expm1, (-square, -lacks))
    turn = math.fma(T(-2) * ratio, ratio, T(1))
    value = scale * (scale * (T(-0.5) * less))
    return value, evaluate(scaled, (error * number, power)), evaluate(scaled, (turn * number, power))
