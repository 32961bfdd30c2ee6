"""Kullback-Leibler divergence between true and predicted probabilities."""

from fastloss._define import loss
from fastloss._definition.domain import nonnegative
from fastloss._math.logarithm import log_ratio
from fastloss._math.primitives import evaluate


@loss(
    "kld",
    "relative_entropy",
    "kullback_leibler_divergence",
    pred=nonnegative(),
    target=nonnegative(),
    irls_weights="hess",
)
def kl_divergence(pred, target):
    """Kullback-Leibler divergence.

    ``target * log(target / pred)``, 0 where the target is 0. The prediction is a probability, or a density,
    not its logarithm. The results are NaN where `pred` or `target` is negative.

    Notes
    -----
    Each element is evaluated by itself: for distributions along an axis, sum the result of
    ``reduction="none"`` along it. Keras clips `pred` and `target` to at least 1e-7.

    References
    ----------
    S. Kullback and R. A. Leibler, "On Information and Sufficiency", Annals of Mathematical Statistics 22
    (1951), 79-86.

    Examples
    --------
    >>> from fastloss import kl_divergence
    >>> value, grad = kl_divergence.value_and_grad([0.25, 0.75], [0.5, 0.5], reduction="sum")
    >>> round(value, 6), grad.round(6)
    (0.143841, array([-2.      , -0.666667]))
    """
    T = type(pred)
    if target == T(0):
        return T(0), T(0), T(0)
    rate = abs(pred)  # -0.0 is 0
    ratio = target / rate
    return target * evaluate(log_ratio, (target, rate, target - rate)), -ratio, ratio / rate
