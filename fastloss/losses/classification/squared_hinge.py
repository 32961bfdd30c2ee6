"""Squared hinge loss: the square of how far a score falls short of a margin of 1."""

from fastloss import math
from fastloss._define import loss
from fastloss._definition.domain import labels


@loss("squared_hinge_loss", target=labels(-1, 1), irls_weights="hess")
def squared_hinge(pred, target):
    """Squared hinge loss.

    ``max(0, 1 - target * pred) ** 2``. The prediction is a score, and the target is the class, -1 or 1.
    Other targets give NaN.

    References
    ----------
    R.-E. Fan, K.-W. Chang, C.-J. Hsieh, X.-R. Wang and C.-J. Lin, "LIBLINEAR: A Library for Large Linear
    Classification", Journal of Machine Learning Research 9 (2008), 1871-1874.

    Examples
    --------
    >>> from fastloss import squared_hinge
    >>> value, grad = squared_hinge.value_and_grad([0.5, 3.0], [1.0, -1.0])
    >>> value, grad
    (8.125, array([-0.5,  4. ]))
    """
    T = type(pred)
    margin = math.fma(-target, pred, T(1))
    if margin <= T(0):
        return T(0), T(0), T(0)
    return margin * margin, T(-2) * target * margin, T(2)
