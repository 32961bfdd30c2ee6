"""Each loss written anew, slowly and in exact numbers, to hold the kernels against.

A reference returns value, gradient and second derivative of mpmath numbers. It shares no code with the
package. Its name is that of its loss, and it lists choices of the loss's parameters to be tested with: both
sides of one, powers of two and not, far out on both ends.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from mpmath import mp, mpf, sign

mp.dps = 60


class Reference(NamedTuple):
    """A loss in exact numbers.

    `exact` takes pred, target and the parameters. Where `of_error`, it depends on their difference alone,
    which every implementation rounds first.
    """

    exact: Callable[..., Any]
    choices: list[dict[str, float]]
    of_error: bool


REFERENCES: dict[str, Reference] = {}


def of_error(*choices: dict[str, float]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a reference that takes the error, pred less target, and the parameters."""

    def register(exact):
        def of_both(pred, target, *params):
            return exact(pred - target, *params)

        REFERENCES[exact.__name__] = Reference(of_both, list(choices) or [{}], True)
        return exact

    return register


def of_pred_and_target(*choices: dict[str, float]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a reference that takes pred, target and the parameters."""

    def register(exact):
        REFERENCES[exact.__name__] = Reference(exact, list(choices) or [{}], False)
        return exact

    return register


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
