"""References for robust losses."""

from mpmath import cosh, exp, expm1, inf, log, log1p, mp, mpf, sign, sinh, sqrt, tanh

from .register import of_error, times

BEYOND = mpf(10) ** 400  # exp(-x) is 0 for larger x, and would take long
SCALES = [{"scale": scale} for scale in (1.0, 0.3, 4.685, 1e-3, 1e4)]


@of_error(ulps=4)
def log_cosh(e):
    size = abs(e)
    value = log1p(2 * sinh(e / 2) ** 2) if size < 1000 else size - log(2)
    return value, tanh(e) if size < 1e6 else sign(e), 1 / cosh(e) ** 2 if size < 1e6 else mpf(0)


@of_error(*({"delta": d} for d in (1.0, 0.3, 5.0, 1e-3, 1e4)), ulps=4)
def pseudo_huber(e, delta):
    root = sqrt(1 + (e / delta) ** 2)
    return e**2 / (1 + root), e / root, root**-3


@of_error(*SCALES, ulps=4)
def cauchy(e, scale):
    square = (e / scale) ** 2
    return scale**2 / 2 * log1p(square), e / (1 + square), times((1 + square) ** -2, 1, -square)


@of_error(*SCALES, ulps=4)
def geman_mcclure(e, scale):
    square = (e / scale) ** 2
    return e**2 / 2 / (1 + square), e * (1 + square) ** -2, times((1 + square) ** -3, 1, -3 * square)


@of_error(*SCALES, ulps=4)
def welsch(e, scale):
    square = (e / scale) ** 2
    decay = exp(-square) if square < BEYOND else mpf(0)
    return scale**2 / 2 * -expm1(-min(square, BEYOND)), e * decay, times(decay, 1, -2 * square)


@of_error(*SCALES, ulps=4)
def tukey_biweight(e, scale):
    share = 1 - (e / scale) ** 2
    if share < 0:
        return scale**2 / 6, mpf(0), mpf(0)
    return e**2 / 6 * (1 + share + share**2), e * share**2, times(share, 1, -5 * (1 - share))


@of_error(*SCALES, ulps=4)
def fair(e, scale):
    ratio = abs(e) / scale
    with mp.workdps(700):  # near an error of 0 nearly all of the digits cancel
        value = scale**2 * (ratio - log1p(ratio))
    return value, e / (1 + ratio), (1 + ratio) ** -2


@of_error(
    {"alpha": 0.5, "gamma": 1.5, "beta": 1.0},
    {"alpha": 0.3, "gamma": 2.0, "beta": 0.5},
    {"alpha": 2.0, "gamma": 1.0, "beta": 5.0},
    ulps=4,
)
def balanced_l1(e, alpha, gamma, beta):
    b, size = expm1(gamma / alpha), abs(e)
    if size <= beta:
        x = b * size / beta
        with mp.workdps(700):
            value = alpha * beta / b * ((1 + x) * log1p(x) - x)
        return value, alpha * log1p(x) * sign(e), alpha * b / beta / (1 + x)
    return (gamma * size, gamma * beta / b, -alpha * beta), gamma * sign(e), mpf(0)


@of_error(
    *({"width": w, "epsilon": e} for w, e in ((10.0, 2.0), (1.0, 0.3), (5.0, 1e-3), (0.1, 4.0))), ulps=4
)
def wing(e, width, epsilon):
    size = abs(e)
    slope = width / (epsilon + size)
    if size > width:
        return (size - width) + width * log1p(width / epsilon), sign(e), mpf(0)
    outer = (slope + 1) / 2 if size == width else slope
    return width * log1p(size / epsilon), outer * sign(e), -slope / (epsilon + size)


ROBUST = [
    (a, c) for a in (1.0, 0.0, -2.0, 2.0, 1.999999, 2.000001, 1e-6, -1e-6, 0.5, 2.5) for c in (1.0, 0.3)
]
ROBUST += [(-inf, 1.0), (-1e3, 2.0), (1.0, 1e-3), (1.5, 1e4)]


@of_error(*({"alpha": float(a), "scale": c} for a, c in ROBUST), ulps=4)
def general_robust(e, alpha, scale):
    square = (e / scale) ** 2
    if alpha == -inf:
        decay = exp(-square / 2) if square < 1e6 else mpf(0)
        return (
            -expm1(-min(square, mpf(10) ** 6) / 2),
            e / scale**2 * decay,
            times(decay / scale**2, 1, -square),
        )
    if alpha == 2:
        return square / 2, e / scale**2, scale**-2
    b = abs(alpha - 2)
    whole = 1 + square / b
    value = log1p(square / b) * b / 2 if alpha == 0 else b / alpha * expm1(alpha / 2 * log1p(square / b))
    grad = e / scale**2 * whole ** (alpha / 2 - 1)
    return value, grad, times(whole ** (alpha / 2 - 2) / scale**2, 1, square / b, (alpha - 2) / b * square)


@of_error(*({"delta": d} for d in (1.0, 0.3, 5.0, 1e-3, 1e4)))
def huber(e, delta):
    if abs(e) <= delta:
        return e**2 / 2, e, mpf(1)
    return delta * (abs(e) - delta / 2), delta * sign(e), mpf(0)


@of_error(*({"beta": b} for b in (1.0, 0.0, 1 / 9, 3.5, 1e-3, 1e4)))
def smooth_l1(e, beta):
    if beta == 0:
        return abs(e), sign(e), mpf(0)
    if abs(e) <= beta:
        return e**2 / (2 * beta), e / beta, 1 / beta
    return abs(e) - beta / 2, sign(e), mpf(0)
