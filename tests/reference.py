"""Each loss written anew, slowly and in exact numbers, to hold the kernels against.

A reference returns value, gradient and second derivative of mpmath numbers. It shares no code with the
package. Its name is that of its loss, and it lists choices of the loss's parameters to be tested with: both
sides of one, powers of two and not, far out on both ends.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from mpmath import cosh, exp, expm1, inf, log, log1p, mp, mpf, sign, sinh, sqrt, tanh

mp.dps = 60


class Reference(NamedTuple):
    """A loss in exact numbers.

    `terms` takes pred, target and the parameters, and returns value, gradient and second derivative as sums:
    a number, or a tuple of terms. Where `of_error`, it depends on the difference of pred and target alone,
    which every implementation rounds first. `ulps` is how far results may be from the exact ones, in units of
    the last place of these, or of the largest term where they cancel.
    """

    terms: Callable[..., Any]
    choices: list[dict[str, float]]
    of_error: bool
    ulps: int

    def exact(self, *numbers: Any) -> list[Any]:
        """Value, gradient and second derivative."""
        return [sum(terms) if isinstance(terms, tuple) else terms for terms in self.terms(*numbers)]

    def sizes(self, *numbers: Any) -> list[Any]:
        """The largest term of each."""
        return [
            max(map(abs, terms)) if isinstance(terms, tuple) else abs(terms) for terms in self.terms(*numbers)
        ]


REFERENCES: dict[str, Reference] = {}
Terms = Callable[..., Any]


def of_error(*choices: dict[str, float], ulps: int = 4) -> Callable[[Terms], Terms]:
    """Register a reference that takes the error, pred less target, and the parameters."""

    def register(terms):
        def of_both(pred, target, *params):
            return terms(pred - target, *params)

        REFERENCES[terms.__name__] = Reference(of_both, list(choices) or [{}], True, ulps)
        return terms

    return register


def of_pred_and_target(*choices: dict[str, float], ulps: int = 4) -> Callable[[Terms], Terms]:
    """Register a reference that takes pred, target and the parameters."""

    def register(terms):
        REFERENCES[terms.__name__] = Reference(terms, list(choices) or [{}], False, ulps)
        return terms

    return register


def times(factor, *terms):
    """A sum times a factor, as terms."""
    return tuple(factor * term for term in terms)


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


@of_error(*({"tau": tau} for tau in (0.5, 0.25, 0.9, 1e-3)))
def quantile(e, tau):
    slopes = -tau, 1 - tau
    slope = sum(slopes) / 2 if e == 0 else slopes[e > 0]
    return slope * e, slope, mpf(0)


@of_error(*({"tau": tau} for tau in (0.5, 0.25, 0.9, 1e-3)))
def expectile(e, tau):
    share = 1 - tau if e > 0 else tau
    return share * e**2, 2 * share * e, 2 * share


@of_error(*({"epsilon": epsilon} for epsilon in (0.1, 0.0, 2.0, 1e-3, 1e4)))
def epsilon_insensitive(e, epsilon):
    if abs(e) == epsilon:
        return mpf(0), sign(e) / 2, mpf(0)
    return max(mpf(0), abs(e) - epsilon), sign(e) * (abs(e) > epsilon), mpf(0)


@of_error(*({"epsilon": epsilon} for epsilon in (0.1, 0.0, 2.0, 1e-3, 1e4)))
def squared_epsilon_insensitive(e, epsilon):
    rest = max(mpf(0), abs(e) - epsilon)
    return rest**2, 2 * rest * sign(e), mpf(2 if rest > 0 or epsilon == 0 else 0)


SCALES = [{"scale": scale} for scale in (1.0, 0.3, 4.685, 1e-3, 1e4)]


@of_error()
def log_cosh(e):
    size = abs(e)
    value = log1p(2 * sinh(e / 2) ** 2) if size < 1000 else size - log(2)
    return value, tanh(e), 1 / cosh(e) ** 2 if size < 1e6 else mpf(0)


@of_error(*({"delta": d} for d in (1.0, 0.3, 5.0, 1e-3, 1e4)))
def pseudo_huber(e, delta):
    root = sqrt(1 + (e / delta) ** 2)
    return e**2 / (1 + root), e / root, root**-3


@of_error(*SCALES)
def cauchy(e, scale):
    square = (e / scale) ** 2
    return scale**2 / 2 * log1p(square), e / (1 + square), times((1 + square) ** -2, 1, -square)


@of_error(*SCALES)
def geman_mcclure(e, scale):
    square = (e / scale) ** 2
    return e**2 / 2 / (1 + square), e * (1 + square) ** -2, times((1 + square) ** -3, 1, -3 * square)


@of_error(*SCALES)
def welsch(e, scale):
    square = (e / scale) ** 2
    decay = exp(-square) if square < 1e6 else mpf(0)
    value = -(scale**2) / 2 * expm1(-square) if square < 1e6 else scale**2 / 2
    return value, e * decay, times(decay, 1, -2 * square)


@of_error(*SCALES)
def tukey_biweight(e, scale):
    share = 1 - (e / scale) ** 2
    if share < 0:
        return scale**2 / 6, mpf(0), mpf(0)
    return e**2 / 6 * (1 + share + share**2), e * share**2, times(share, 1, -5 * (1 - share))


@of_error(*SCALES)
def fair(e, scale):
    ratio = abs(e) / scale
    with mp.workdps(700):  # for errors near 0, where nearly all of them cancel
        value = scale**2 * (ratio - log1p(ratio))
    return value, e / (1 + ratio), (1 + ratio) ** -2


@of_error(*({"tau": tau, "delta": d} for tau, d in ((0.5, 1.0), (0.25, 0.3), (0.9, 5.0), (1e-3, 1e-3))))
def quantile_huber(e, tau, delta):
    share = 1 - tau if e > 0 else tau
    if abs(e) <= delta:
        return share * e**2 / (2 * delta), share * e / delta, share / delta
    return share * (abs(e) - delta / 2), share * sign(e), mpf(0)


@of_error(
    {"alpha": 0.5, "gamma": 1.5, "beta": 1.0},
    {"alpha": 0.3, "gamma": 2.0, "beta": 0.5},
    {"alpha": 2.0, "gamma": 1.0, "beta": 5.0},
)
def balanced_l1(e, alpha, gamma, beta):
    b, size = expm1(gamma / alpha), abs(e)
    if size <= beta:
        x = b * size / beta
        with mp.workdps(700):
            value = alpha * beta / b * ((1 + x) * log1p(x) - x)
        return value, alpha * log1p(x) * sign(e), alpha * b / beta / (1 + x)
    return (gamma * size, gamma * beta / b, -alpha * beta), gamma * sign(e), mpf(0)


@of_error(*({"width": w, "epsilon": e} for w, e in ((10.0, 2.0), (1.0, 0.3), (5.0, 1e-3), (0.1, 4.0))))
def wing(e, width, epsilon):
    size = abs(e)
    slope = width / (epsilon + size)
    if size > width:
        return (size - width) + width * log1p(width / epsilon), sign(e), mpf(0)
    outer = (slope + 1) / 2 if size == width else slope
    return width * log1p(size / epsilon), outer * sign(e), -slope / (epsilon + size)


ROBUST = [
    (a, c) for a in (1.0, 0.0, -2.0, 2.0, 1.999999, 2.000001, 1e-6, -1e-6, 0.5, 3.0) for c in (1.0, 0.3)
]
ROBUST += [(-inf, 1.0), (-1e3, 2.0), (1.0, 1e-3), (1.5, 1e4)]


@of_error(*({"alpha": float(a), "scale": c} for a, c in ROBUST), ulps=16)
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


@of_pred_and_target(*({"epsilon": epsilon} for epsilon in (2.0**-52, 0.1, 3.0)))
def absolute_percentage_error(pred, target, epsilon):
    whole = max(abs(target), epsilon)
    return abs(pred - target) / whole, sign(pred - target) / whole, mpf(0)


@of_pred_and_target()
def squared_log_error(pred, target):
    if pred == -1 or target == -1:
        side = sign(pred - target) or mp.nan
        return side**2 * inf, side * inf, -side * inf
    difference = log1p(pred) - log1p(target)
    return difference**2, 2 * difference / (1 + pred), times(2 * (1 + pred) ** -2, 1, -difference)


@of_pred_and_target()
def poisson(pred, target):
    if target == 0:
        return pred, mpf(1), mpf(0)
    if pred == 0:
        return inf, -inf, inf
    return (pred, -target * log(pred)), 1 - target / pred, target / pred**2


@of_pred_and_target()
def poisson_nll(pred, target):
    rate = bounded_exp(pred)
    return (rate, -target * pred), (rate, -target), rate


def bounded_exp(x):
    """The exponential, but of what a float64 cannot hold: mpmath would compute it in full."""
    return mp.exp(max(min(x, mpf(10) ** 4), -(mpf(10) ** 4)))


@of_pred_and_target()
def gamma_nll(pred, target):
    ratio = target * bounded_exp(-pred)
    return (pred, ratio), (mpf(1), -ratio), ratio


@of_pred_and_target(
    *({"power": power} for power in (1.5, 1.0, 2.0, 0.0, 3.0, -1.3, 1.000001, 1.999999)), ulps=16
)
def tweedie_nll(pred, target, power):
    if (target < 0 and power > 0) or (target == 0 and power >= 2):
        return mp.nan, mp.nan, mp.nan
    rise, fall = bounded_exp((2 - power) * pred), target * bounded_exp((1 - power) * pred)
    left = pred if power == 2 else rise / (2 - power)
    right = target * pred if power == 1 else fall / (1 - power)
    return (left, -right), (rise, -fall), ((2 - power) * rise, -(1 - power) * fall)


@of_pred_and_target()
def binary_cross_entropy(pred, target):
    chance = 1 / (1 + bounded_exp(-pred))
    other = 1 / (1 + bounded_exp(pred))
    value = max(pred, 0) - target * pred + log1p(bounded_exp(-abs(pred)))
    return value, (chance * (1 - target), -other * target), chance * other


@of_pred_and_target(
    *({"alpha": a, "gamma": g} for a, g in ((0.25, 2.0), (0.5, 0.0), (0.9, 1.3), (0.1, 5.0))), ulps=16
)
def sigmoid_focal(pred, target, alpha, gamma):
    side = 1 if target == 1 else -1
    logit, share = side * pred, alpha if target == 1 else 1 - alpha
    right, wrong = 1 / (1 + bounded_exp(-logit)), 1 / (1 + bounded_exp(logit))
    entropy = max(-logit, 0) + log1p(bounded_exp(-abs(logit)))
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


@of_pred_and_target()
def kl_divergence(pred, target):
    if target == 0:
        return mpf(0), mpf(0), mpf(0)
    if pred == 0:
        return inf, -inf, inf
    return target * log(target / pred), -target / pred, target / pred**2


def cases() -> list[tuple[str, dict[str, float]]]:
    """Every loss with every choice of its parameters."""
    return [(name, params) for name, found in REFERENCES.items() for params in found.choices]


def different_in_kind() -> list[str]:
    """A loss of each kind, as engines see it: by the number of its parameters and what it depends on."""
    kinds: dict[Any, str] = {}
    for name, found in REFERENCES.items():
        kinds.setdefault((len(found.choices[0]), found.of_error), name)
    return sorted({*kinds.values(), "huber"})


def few_cases() -> list[tuple[str, dict[str, float]]]:
    """Those of the losses that differ in kind."""
    few = different_in_kind()
    return [case for case in cases() if case[0] in few]


def name_of(case: tuple[str, dict[str, float]]) -> str:
    """How a case is called in a test's name."""
    name, params = case
    return "-".join([name, *map(str, params.values())])


def elementwise(name: str, pred, target, params: dict[str, Any], dtype=None):
    """Value, gradient and second derivative of each element, rounded once, to float64.

    Numbers and the error are first rounded to the type to compute in, as every implementation
    must: `dtype`, or pred's own. Parameters are numbers, or arrays that broadcast.
    """
    dtype = np.dtype(dtype or np.asarray(pred).dtype)
    found = REFERENCES[name]
    pred, target = np.broadcast_arrays(np.asarray(pred, dtype), np.asarray(target, dtype))
    if found.of_error:
        pred, target = np.subtract(pred, target), np.zeros(pred.shape)
    exact = [np.broadcast_to(np.asarray(x, dtype), pred.shape).ravel().tolist() for x in params.values()]
    elements = zip(pred.ravel().tolist(), target.ravel().tolist(), *exact, strict=True)
    rows = [found.exact(*map(mpf, element)) for element in elements]
    columns = zip(*rows, strict=True) if rows else ([], [], [])
    return [np.array([float(x) for x in column]).reshape(pred.shape) for column in columns]


def reduced(name: str, pred, target, *, dtype, weight=None, where=None, reduction, normalizer=None, **params):
    """What a whole call must give: value, gradient and second derivative by name."""
    found = elementwise(name, pred, target, params, dtype)
    shape = found[0].shape
    weights = np.broadcast_to(np.asarray(1 if weight is None else weight, dtype), shape).astype(float)
    kept = np.broadcast_to(True if where is None else where, shape)
    value, grad, hess = (np.where(kept, weights * x, 0.0) for x in found)
    denominator = 1.0
    if reduction == "mean":
        denominator = math.fsum(weights[kept]) if normalizer is None else normalizer
        denominator = denominator or math.nan  # the mean of nothing
    if reduction != "none":
        value = math.fsum(value.ravel()) / denominator
    grad, hess = (np.where(kept, x / denominator, 0.0) for x in (grad, hess))
    return {"value": value, "grad": grad, "hess": hess}


def points(name: str, params: dict[str, float]) -> Iterator[tuple[float, float]]:
    """Hard operands: on both sides of each branch and on it, zero, tiny and huge."""
    sizes = [0.0, 5e-324, 1e-300, 1e-9, 0.1, 1.0, 2.5, 1e6, 1e150]
    sizes += [1.5e154]  # whose square overflows, but not half of it
    for value in params.values():
        sizes += [value, np.nextafter(value, math.inf), np.nextafter(value, -math.inf), value / 2, 2 * value]
    numbers = [sign * float(size) for size in sizes for sign in (1, -1)]
    targets = [0.0] if REFERENCES[name].of_error else numbers
    return ((pred, target) for target in targets for pred in numbers)


def assert_close(actual, expected, dtype, ulps: int = 3) -> None:
    """Agreement to a few units in the last place of `dtype`."""
    info = np.finfo(dtype)
    np.testing.assert_allclose(
        np.asarray(actual, dtype=np.float64), expected, rtol=ulps * float(info.eps), atol=float(info.tiny)
    )
