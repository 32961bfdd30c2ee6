"""Squared epsilon-insensitive loss: squared error beyond a distance that costs nothing."""

from math import copysign

from fastloss._define import loss
from fastloss._definition.domain import nonnegative


@loss("squared_epsilon_insensitive_loss", epsilon=nonnegative(default=0.1))
def squared_epsilon_insensitive(pred, target, epsilon):
    """Squared epsilon-insensitive loss.

    ``max(0, abs(e) - epsilon) ** 2``, with ``e = pred - target``. With epsilon = 0, it is `squared_error`.

    Parameters
    ----------
    epsilon : float, default 0.1
        The distance from the target up to which a prediction costs nothing, in the units of `pred`; finite,
        >= 0.

    References
    ----------
    C.-H. Ho and C.-J. Lin, "Large-scale Linear Support Vector Regression", Journal of Machine Learning
    Research 13 (2012), 3323-3348, equation 3.

    Examples
    --------
    >>> from fastloss import squared_epsilon_insensitive
    >>> value, grad = squared_epsilon_insensitive.value_and_grad([2.0, 5.0], [2.25, 2.0], epsilon=0.5)
    >>> value, grad
    (3.125, array([0. , 2.5]))
    """
    T = type(pred)
    error = pred - target
    size = abs(error)
    if size <= epsilon and epsilon > T(0):
        return T(0), T(0), T(0)
    rest = size - epsilon  # or NaN
    return rest * rest, copysign(T(2) * rest, error), T(2)
