"""The weights of iteratively reweighted least squares: a loss's gradient over its error.

``weight * (pred - target) ** 2 / 2`` has the loss's gradient where it was computed. Each way makes
``(value, weight, weight)`` of what a formula returned, so that the weight stands where the gradient does.
"""

from math import inf

from numba.extending import register_jitable


@register_jitable
def _ratio(found, error):
    """The gradient over the error, with its limits."""
    value, grad, hess = found
    T = type(error)
    grad, hess = T(grad), T(hess)
    if error != T(0) and abs(grad) < T(inf):
        return value, grad / error, hess
    # By l'Hopital's rule: where both are 0, or both infinite.
    if grad == T(0) or abs(grad) == T(inf):
        return value, hess, hess
    return value, abs(grad) / abs(error), hess  # inf at a corner, or NaN


@register_jitable
def _hess(found, error):
    """The second derivative, for losses without an error."""
    value, grad, hess = found
    return value, hess if grad == grad else grad, hess  # NaN of what is NaN


@register_jitable
def _own(found, error):
    """What a function of the loss's own returned."""
    return found, found, found


WAYS = {"ratio": _ratio, "hess": _hess, "own": _own}
