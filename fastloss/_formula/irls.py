"""The weights of iteratively reweighted least squares: a loss's gradient divided by its error.

With such a weight, ``weight * (pred - target) ** 2 / 2`` has the gradient of the loss at the point where the
weight was computed. Each function here puts the weight in place of the gradient that a formula returned.
"""

from math import inf

from numba.extending import register_jitable


@register_jitable
def _ratio(found, error):
    """The gradient divided by the error, or the limit of that ratio."""
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
    return value, hess if grad == grad else grad, hess  # NaN where the gradient is


@register_jitable
def _own(found, error):
    """The weight that the loss's own function returned."""
    return found, found, found


WAYS = {"ratio": _ratio, "hess": _hess, "own": _own}
