"""Binary cross-entropy of a logit: the logistic loss of two classes."""

from fastloss import math
from fastloss._define import loss
from fastloss._definition.domain import between
from fastloss._math.logarithm import twice_atanh
from fastloss._math.primitives import evaluate


@loss("bce_with_logits", "logistic", target=between(0, 1, included=True), irls_weights="hess")
def binary_cross_entropy(pred, target):
    """Binary cross-entropy of a logit.

    ``log(1 + exp(pred)) - target * pred``. The prediction is a logit, and the target is the probability of
    class 1, most often 0 or 1. The results are NaN where `target` is below 0 or above 1.

    References
    ----------
    D. R. Cox, "The Regression Analysis of Binary Sequences", Journal of the Royal Statistical Society B 20
    (1958), 215-242.

    Examples
    --------
    >>> from fastloss import binary_cross_entropy
    >>> value, grad = binary_cross_entropy.value_and_grad([0.0, 3.0], [1.0, 1.0])
    >>> round(value, 6), grad.round(6)
    (0.370867, array([-0.25    , -0.023713]))
    """
    T = type(pred)
    one = T(1)
    size = abs(pred)
    # Written for the class that is predicted, the value has no negative term, so nothing cancels.
    rises = pred > T(0)
    other = one - target if rises else target
    power = math.exp(-size)
    chance = power / (one + power)
    entropy = evaluate(twice_atanh, (power / (T(2) + power),))  # log(1 + power)
    value = math.fma(other, size if other > T(0) else T(0), entropy)  # as 0 * inf is NaN
    grad = other - chance
    return value, grad if rises else -grad, chance * (one - chance)
