"""Epsilon-insensitive loss: absolute error beyond a distance that costs nothing."""

from math import copysign

from fastloss._define import loss
from fastloss._definition.domain import nonnegative


def _weight(pred, target, epsilon):
    T = type(pred)
    size = abs(pred - target)
    if size < epsilon:
        return T(0)
    # At a corner, the mean of both sides; with epsilon = 0 the corner is at 0, where the weight is inf.
    return (T(0.5) if size == epsilon and epsilon > 0 else T(1)) / size


@loss("epsilon_insensitive_loss", epsilon=nonnegative(default=0.1), irls_weights=_weight)
def epsilon_insensitive(pred, target, epsilon):
    """Epsilon-insensitive loss.

    ``max(0, abs(e) - epsilon)``, with ``e = pred - target``. With epsilon = 0, it is `absolute_error`.

    Parameters
    ----------
    epsilon : float, default 0.1
        The distance from the target up to which a prediction costs nothing, in the units of `pred`; finite,
        >= 0.

    Notes
    -----
    The gradient at a corner is the mean of the gradients on both sides. The second derivative is 0.

    References
    ----------
    V. N. Vapnik, "The Nature of Statistical Learning Theory", Springer 1995.

    Examples
    --------
    >>> from fastloss import epsilon_insensitive
    >>> value, grad = epsilon_insensitive.value_and_grad([2.0, 5.0], [2.25, 2.0], epsilon=0.5)
    >>> value, grad
    (1.25, array([0. , 0.5]))
    """
    T = type(pred)
    error = pred - target
    size = abs(error)
    if size > epsilon:
        return size - epsilon, copysign(T(1), error), T(0)
    if size < epsilon:
        return T(0), T(0), T(0)
    if size == T(0):  # epsilon is 0
        return size, size, T(0)
    return size - epsilon, copysign(T(0.5), error) + (size - epsilon), T(0)  # at a corner, or NaN
