"""Hinge loss: how far a score falls short of a margin of 1."""

from fastloss import math
from fastloss._define import loss
from fastloss._definition.domain import labels


@loss("hinge_loss", target=labels(-1, 1), irls_weights="hess")
def hinge(pred, target):
    """Hinge loss.

    ``max(0, 1 - target * pred)``. The prediction is a score, and the target is the class, -1 or 1. Other
    targets give NaN.

    Notes
    -----
    The gradient at the corner is the mean of the gradients on both sides. The second derivative and the IRLS
    weights are 0.

    References
    ----------
    C. Cortes and V. Vapnik, "Support-Vector Networks", Machine Learning 20 (1995), 273-297.

    Examples
    --------
    >>> from fastloss import hinge
    >>> value, grad = hinge.value_and_grad([0.5, 3.0], [1.0, -1.0])
    >>> value, grad
    (2.25, array([-0.5,  0.5]))
    """
    T = type(pred)
    margin = math.fma(-target, pred, T(1))
    if margin > T(0):
        return margin, -target, T(0)
    if margin < T(0):
        return T(0), T(0), T(0)
    return margin, T(-0.5) * target + margin, T(0)  # at the corner, or NaN
