"""References for losses of counts and scales."""

from mpmath import exp, inf, log, log1p, mp, mpf, sign

from .register import of_pred_and_target, times


@of_pred_and_target(ulps=4)
def poisson(pred, target):
    if target == 0:
        return pred, mpf(1), mpf(0)
    if pred == 0:
        return inf, -inf, inf
    return (pred, -target * log(pred)), 1 - target / pred, target / pred**2


@of_pred_and_target(ulps=4)
def poisson_nll(pred, target):
    rate = exp(pred)
    return (rate, -target * pred), (rate, -target), rate


@of_pred_and_target(ulps=4)
def gamma_nll(pred, target):
    ratio = target * exp(-pred)
    return (pred, ratio), (mpf(1), -ratio), ratio


@of_pred_and_target(
    *({"power": power} for power in (1.5, 1.0, 2.0, 0.0, 3.0, -1.3, 1.000001, 1.999999)), ulps=16
)
def tweedie_nll(pred, target, power):
    if (target < 0 and power > 0) or (target == 0 and power >= 2):
        return mp.nan, mp.nan, mp.nan
    rise, fall = exp((2 - power) * pred), target * exp((1 - power) * pred)
    left = pred if power == 2 else rise / (2 - power)
    right = target * pred if power == 1 else fall / (1 - power)
    return (left, -right), (rise, -fall), ((2 - power) * rise, -(1 - power) * fall)


@of_pred_and_target(*({"epsilon": epsilon} for epsilon in (2.0**-52, 0.1, 3.0)))
def absolute_percentage_error(pred, target, epsilon):
    whole = max(abs(target), epsilon)
    return abs(pred - target) / whole, sign(pred - target) / whole, mpf(0)


@of_pred_and_target(ulps=4)
def squared_log_error(pred, target):
    difference = log1p(pred) - log1p(target)
    return difference**2, 2 * difference / (1 + pred), times(2 * (1 + pred) ** -2, 1, -difference)
