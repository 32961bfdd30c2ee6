"""Wing loss: logarithmic near the target, so that small errors count more, and linear far from it."""

from math import copysign

from fastloss import math
from fastloss._define import loss
from fastloss._definition.domain import positive


def _weight(pred, target, width, epsilon):
    T = type(pred)
    size = abs(pred - target)
    slope = T(1) if size > width else width / (epsilon + size)
    slope = T(0.5) * (slope + T(1)) if size == width else slope
    return slope / size  # inf at the corner


@loss("wing_loss", width=positive(default=10.0), epsilon=positive(default=2.0), irls_weights=_weight)
def wing(pred, target, width, epsilon):
    """Wing loss.

    ``width * log(1 + abs(e) / epsilon)`` where ``abs(e) <= width``, else
    ``abs(e) - width + width * log(1 + width / epsilon)``, with ``e = pred - target``.

    Parameters
    ----------
    width : float, default 10.0
        The error at which the loss turns linear, in the units of `pred`; > 0.
    epsilon : float, default 2.0
        Limits the curvature of the logarithmic part: the larger, the less curved. In the units of `pred`;
        > 0. ``width / epsilon`` must not overflow.

    Notes
    -----
    The loss has corners where the error is 0 and where its size is `width`. There, the gradient is the mean
    of the gradients on both sides, and the second derivative is that of the logarithm.

    References
    ----------
    Z.-H. Feng, J. Kittler, M. Awais, P. Huber and X.-J. Wu, "Wing Loss for Robust Facial Landmark
    Localisation with Convolutional Neural Networks", CVPR 2018, arXiv:1711.06753, equation 5.

    Examples
    --------
    >>> from fastloss import wing
    >>> value, grad = wing.value_and_grad([0.5, 30.0], [0.0, 0.0])
    >>> round(value, 6), grad
    (20.074515, array([2. , 0.5]))
    """
    T = type(pred)
    error = pred - target
    size = abs(error)
    far = size > width
    inner = width if far else size
    value = math.fma(width, math.log1p(inner / epsilon), size - inner)
    if far:
        return value, copysign(T(1), error), T(0)
    slope = width / (epsilon + inner)
    hess = -slope / (epsilon + inner)
    if size == width:
        return value, copysign(T(0.5) * (slope + T(1)), error), hess
    return value, error if size == T(0) else copysign(slope, error), hess
