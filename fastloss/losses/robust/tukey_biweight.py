"""Tukey's biweight loss: nearly quadratic near the target, constant beyond its scale."""

from fastloss import math
from fastloss._define import loss
from fastloss._definition.domain import positive
from fastloss._math.primitives import evaluate
from fastloss._math.sums import joined, squared_quotient


@loss("bisquare", "biweight", "tukey", scale=positive(default=4.685))
def tukey_biweight(pred, target, scale):
    """Tukey's biweight loss.

    ``scale ** 2 / 6 * (1 - (1 - (e / scale) ** 2) ** 3)`` where ``abs(e) <= scale``, else ``scale ** 2 / 6``,
    with ``e = pred - target``.

    Parameters
    ----------
    scale : float, default 4.685
        The error beyond which the loss is constant, in the units of `pred`; > 0. The default is for normal
        errors with a standard deviation of 1: for them, the variance of the estimate is that of least
        squares divided by 0.95.

    References
    ----------
    A. E. Beaton and J. W. Tukey, "The Fitting of Power Series, Meaning Polynomials, Illustrated on
    Band-Spectroscopic Data", Technometrics 16 (1974), 147-185.

    Examples
    --------
    >>> from fastloss import tukey_biweight
    >>> value, grad = tukey_biweight.value_and_grad([1.0, 6.0], [0.0, 0.0], scale=2.0)
    >>> round(value, 6), grad
    (0.526042, array([0.28125, 0.     ]))
    """
    T = type(pred)
    error = pred - target
    size = abs(error)
    if size > scale:
        return scale * (scale / T(6)), T(0), T(0)
    _, square, square_lacks = evaluate(squared_quotient, (size, scale))
    share, share_lacks = evaluate(joined, (T(1), -square))
    share += share_lacks - square_lacks
    value = error * (error / T(6)) * math.fma(share, share + T(1), T(1))
    return value, error * share * share, share * math.fma(T(-5), square, T(1))
