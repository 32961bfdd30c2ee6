"""Pseudo-Huber loss: a smooth hyperbola, quadratic near the target and linear far from it."""

from math import copysign

from fastloss import math
from fastloss._define import loss
from fastloss._definition.domain import positive


@loss("pseudo_huber_loss", "charbonnier", "soft_l1", delta=positive(default=1.0))
def pseudo_huber(pred, target, delta):
    """Pseudo-Huber loss.

    ``delta ** 2 * (sqrt(1 + (e / delta) ** 2) - 1)``, with ``e = pred - target``.

    Parameters
    ----------
    delta : float, default 1.0
        The slope far from the target, in the units of `pred`; > 0.

    Notes
    -----
    SciPy's ``least_squares`` calls it ``soft_l1``. Charbonnier's ``sqrt(e ** 2 + delta ** 2)`` is this
    loss divided by delta, plus delta.

    References
    ----------
    P. Charbonnier, L. Blanc-Feraud, G. Aubert and M. Barlaud, "Deterministic Edge-Preserving Regularization
    in Computed Imaging", IEEE Transactions on Image Processing 6 (1997), 298-311.

    Examples
    --------
    >>> from fastloss import pseudo_huber
    >>> value, grad = pseudo_huber.value_and_grad([0.75, 3.0], [0.0, -1.0], delta=3.0)
    >>> round(value, 6), grad.round(6)
    (3.138494, array([0.363803, 1.2     ]))
    """
    T = type(pred)
    one = T(1)
    error = pred - target
    size = abs(error)
    near = size <= delta
    ratio = size / delta if near else delta / size  # at most 1, so that no square overflows
    root = math.sqrt(math.fma(ratio, ratio, one))
    value = size * ((size if near else delta) / (root + (one if near else ratio)))
    curve = (one if near else ratio) / root
    return value, (error if near else copysign(delta, error)) / root, curve * curve * curve
