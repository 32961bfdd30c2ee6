"""Squared logarithmic error: the squared difference of logarithms, for quantities that grow by factors."""

from math import inf

from fastloss._define import loss
from fastloss._definition.domain import Domain
from fastloss._math.logarithm import log1p_ratio
from fastloss._math.primitives import evaluate


@loss(
    "msle",
    "mean_squared_logarithmic_error",
    "mean_squared_log_error",
    pred=Domain(-1, inf, False, False),
    target=Domain(-1, inf, False, False),
    irls_weights="hess",
)
def squared_log_error(pred, target):
    """Squared logarithmic error.

    ``(log(1 + pred) - log(1 + target)) ** 2``. The results are NaN unless `pred` and `target` are above -1.

    Examples
    --------
    >>> from fastloss import squared_log_error
    >>> value, grad = squared_log_error.value_and_grad([1.0, 3.0], [0.0, 4.0])
    >>> round(value, 6), grad.round(6)
    (0.265123, array([ 0.346574, -0.055786]))
    """
    T = type(pred)
    one = T(1)
    whole = one + pred
    difference = evaluate(log1p_ratio, (pred, target))
    slope = T(2) * difference / whole
    return difference * difference, slope, T(2) * (one - difference) / whole / whole
