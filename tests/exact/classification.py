"""References for losses of classification."""

from mpmath import exp, inf, log, log1p, mpf, sign

from .register import of_pred_and_target, times


@of_pred_and_target(ulps=4)
def binary_cross_entropy(pred, target):
    chance = 1 / (1 + exp(-pred))
    other = 1 / (1 + exp(pred))
    value = max(pred, 0) - target * pred + log1p(exp(-abs(pred)))
    return value, (chance * (1 - target), -other * target), chance * other


@of_pred_and_target(
    *({"alpha": a, "gamma": g} for a, g in ((0.25, 2.0), (0.5, 0.0), (0.9, 1.3), (0.1, 5.0))), ulps=16
)
def sigmoid_focal(pred, target, alpha, gamma):
    side = 1 if target == 1 else -1
    logit, share = side * pred, alpha if target == 1 else 1 - alpha
    right, wrong = 1 / (1 + exp(-logit)), 1 / (1 + exp(logit))
    entropy = max(-logit, 0) + log1p(exp(-abs(logit)))
    factor = share * wrong**gamma
    grad = -side * factor * (gamma * right * entropy + wrong)
    hess = times(
        factor * right, gamma**2 * right * entropy, -gamma * wrong * entropy, wrong * (2 * gamma + 1)
    )
    return factor * entropy, grad, hess


@of_pred_and_target()
def hinge(pred, target):
    margin = 1 - target * pred
    return max(margin, mpf(0)), -target * (1 + sign(margin)) / 2, mpf(0)


@of_pred_and_target()
def squared_hinge(pred, target):
    margin = max(1 - target * pred, mpf(0))
    return margin**2, -2 * target * margin, mpf(2 if margin > 0 else 0)


@of_pred_and_target(ulps=4)
def kl_divergence(pred, target):
    if target == 0:
        return mpf(0), mpf(0), mpf(0)
    if pred == 0:
        return inf, -inf, inf
    return target * log(target / pred), -target / pred, target / pred**2
