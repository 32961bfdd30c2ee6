"""Losses of regression."""

from mpmath import inf, log1p, mp, mpf, sign

from .register import of_error, of_pred_and_target, times


@of_error()
def absolute_error(e):
    return abs(e), sign(e), mpf(0)


@of_error()
def squared_error(e):
    return e**2, 2 * e, mpf(2)


@of_error()
def half_squared_error(e):
    return e**2 / 2, e, mpf(1)


@of_error(*({"delta": d} for d in (1.0, 0.3, 5.0, 1e-3, 1e4)))
def huber(e, delta):
    if abs(e) <= delta:
        return e**2 / 2, e, mpf(1)
    return delta * (abs(e) - delta / 2), delta * sign(e), mpf(0)


@of_error(*({"beta": b} for b in (1.0, 0.0, 1 / 9, 3.5, 1e-3, 1e4)))
def smooth_l1(e, beta):
    if beta == 0:
        return absolute_error(e)
    if abs(e) <= beta:
        return e**2 / (2 * beta), e / beta, 1 / beta
    return abs(e) - beta / 2, sign(e), mpf(0)


@of_error(*({"epsilon": epsilon} for epsilon in (0.1, 0.0, 2.0, 1e-3, 1e4)))
def epsilon_insensitive(e, epsilon):
    if abs(e) == epsilon:
        return mpf(0), sign(e) / 2, mpf(0)
    return max(mpf(0), abs(e) - epsilon), sign(e) * (abs(e) > epsilon), mpf(0)


@of_error(*({"epsilon": epsilon} for epsilon in (0.1, 0.0, 2.0, 1e-3, 1e4)))
def squared_epsilon_insensitive(e, epsilon):
    rest = max(mpf(0), abs(e) - epsilon)
    return rest**2, 2 * rest * sign(e), mpf(2 if rest > 0 or epsilon == 0 else 0)


@of_pred_and_target(*({"epsilon": epsilon} for epsilon in (2.0**-52, 0.1, 3.0)))
def absolute_percentage_error(pred, target, epsilon):
    whole = max(abs(target), epsilon)
    return abs(pred - target) / whole, sign(pred - target) / whole, mpf(0)


@of_pred_and_target(ulps=4)
def squared_log_error(pred, target):
    if pred == -1 or target == -1:
        side = sign(pred - target) or mp.nan
        return side**2 * inf, side * inf, -side * inf
    difference = log1p(pred) - log1p(target)
    return difference**2, 2 * difference / (1 + pred), times(2 * (1 + pred) ** -2, 1, -difference)
