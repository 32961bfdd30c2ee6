"""Sigmoid focal loss: binary cross-entropy that focuses on the elements predicted badly."""

from fastloss import math
from fastloss._define import loss
from fastloss._definition.domain import between, labels, nonnegative
from fastloss._math.exponential import exp_product
from fastloss._math.logarithm import twice_atanh
from fastloss._math.primitives import evaluate
from fastloss._math.sums import summed


@loss(
    "sigmoid_focal_loss",
    "focal",
    "focal_loss",
    target=labels(0, 1),
    alpha=between(0, 1, default=0.25, included=True),
    gamma=nonnegative(default=2.0),
    irls_weights="hess",
)
def sigmoid_focal(pred, target, alpha, gamma):
    """Sigmoid focal loss.

    ``-alpha_t * (1 - p_t) ** gamma * log(p_t)``, where ``p_t`` is the probability that the logit `pred` gives
    to the class `target`, 0 or 1, and ``alpha_t`` is ``alpha`` for class 1, else ``1 - alpha``. Other
    targets give NaN.

    Parameters
    ----------
    alpha : float, default 0.25
        The weight of class 1; >= 0 and <= 1.
    gamma : float, default 2.0
        How much less the elements predicted well count; >= 0. With 0 it is a weighted `binary_cross_entropy`.

    Notes
    -----
    Rounding errors grow with gamma: at 5, they are up to 9 units in the last place.

    In torchvision, a negative alpha switches the weighting by class off; here, alpha = 1/2 gives half of that
    loss.

    References
    ----------
    T.-Y. Lin, P. Goyal, R. Girshick, K. He and P. Dollar, "Focal Loss for Dense Object Detection", ICCV 2017,
    arXiv:1708.02002, equation 5.

    Examples
    --------
    >>> from fastloss import sigmoid_focal
    >>> value, grad = sigmoid_focal.value_and_grad([0.0, 3.0], [1.0, 1.0])
    >>> round(value, 6), grad.round(6)
    (0.021675, array([-3.7286e-02, -3.9000e-05]))
    """
    T = type(pred)
    zero, one = T(0), T(1)
    positive = target == one
    logit = pred if positive else -pred
    logit = T(2.0**20) if logit > T(2.0**20) else logit  # as good as infinity
    rises = logit > zero
    share = alpha if positive else one - alpha
    # One probability is 1 / (1 + power), the other one power times that.
    power = math.exp(-abs(logit))
    inverse = one / (one + power)
    right, wrong = (inverse, power * inverse) if rises else (power * inverse, inverse)
    log = evaluate(twice_atanh, (power / (T(2) + power),))  # log(1 + power)
    entropy = log if rises else log - logit
    # (1 - p_t)**gamma is the exponential of -gamma * log(1 + exp(logit)).
    log, lacks = evaluate(summed, (logit if rises else zero, log))
    factor = share * evaluate(exp_product, (-gamma, log, lacks))
    grad = factor * math.fma(gamma * right, entropy, wrong)
    inner = math.fma(gamma, right, -wrong)
    rest = right * wrong * math.fma(T(2), gamma, one)
    hess = factor * math.fma(gamma * (right * entropy), inner, rest)
    return factor * entropy, -grad if positive else grad, hess
