"""Fair loss: quadratic near the target, linear far from it, with a logarithm between."""

from math import copysign

from fastloss._define import loss
from fastloss._definition.domain import positive
from fastloss._math.logarithm import log1pmx
from fastloss._math.primitives import evaluate


@loss("fair_loss", scale=positive(default=1.0))
def fair(pred, target, scale):
    """Fair loss.

    ``scale ** 2 * (abs(e) / scale - log(1 + abs(e) / scale))``, with ``e = pred - target``.

    Parameters
    ----------
    scale : float, default 1.0
        The slope far from the target, in the units of `pred`; > 0.

    References
    ----------
    R. C. Fair, "On the Robust Estimation of Econometric Models", Annals of Economic and Social Measurement 3
    (1974), 667-677.

    Examples
    --------
    >>> from fastloss import fair
    >>> value, grad = fair.value_and_grad([1.0, 6.0], [0.0, 0.0], scale=2.0)
    >>> round(value, 6), grad.round(6)
    (3.416481, array([0.333333, 0.75    ]))
    """
    T = type(pred)
    one = T(1)
    error = pred - target
    size = abs(error)
    ratio = size / scale
    if ratio < T(2.0**-60):  # its square may vanish
        return T(0.5) * error * error, error, one
    if ratio > T(2.0**60):  # its logarithm is negligible beside it
        curve = scale / size
        return scale * size, copysign(scale, error), curve * curve
    curve = one / (one + ratio)
    return scale * (scale * -evaluate(log1pmx, (ratio,))), error / (one + ratio), curve * curve
