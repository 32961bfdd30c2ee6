"""Each loss written anew, slowly and in exact numbers, to hold the kernels against.

A reference takes the error and the loss's parameters as mpmath numbers and returns value,
gradient and second derivative. It shares no code with the package.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from mpmath import mp, mpf, sign

mp.dps = 60


def _absolute_error(e):
    return abs(e), sign(e), mpf(0)


def _squared_error(e):
    return e**2, 2 * e, mpf(2)


def _half_squared_error(e):
    return e**2 / 2, e, mpf(1)


def _huber(e, delta):
    if abs(e) <= delta:
        return e**2 / 2, e, mpf(1)
    return delta * (abs(e) - delta / 2), delta * sign(e), mpf(0)


def _smooth_l1(e, beta):
    if beta == 0:
        return _absolute_error(e)
    if abs(e) <= beta:
        return e**2 / (2 * beta), e / beta, 1 / beta
    return abs(e) - beta / 2, sign(e), mpf(0)


REFERENCES: dict[str, Callable[..., Any]] = {
    "absolute_error": _absolute_error,
    "half_squared_error": _half_squared_error,
    "huber": _huber,
    "smooth_l1": _smooth_l1,
    "squared_error": _squared_error,
}

# Values for every parameter: both sides of one, powers of two and not, far out on both ends.
PARAMETERS: dict[str, list[dict[str, float]]] = {
    "absolute_error": [{}],
    "half_squared_error": [{}],
    "huber": [{"delta": d} for d in (1.0, 0.3, 5.0, 1e-3, 1e4)],
    "smooth_l1": [{"beta": b} for b in (1.0, 0.0, 1 / 9, 3.5, 1e-3, 1e4)],
    "squared_error": [{}],
}


def cases() -> list[tuple[str, dict[str, float]]]:
    """Every loss with every choice of its parameters."""
    return [(name, params) for name, choices in PARAMETERS.items() for params in choices]


def elementwise(name: str, pred, target, params: dict[str, float]):
    """Value, gradient and second derivative of each element, rounded once to pred's type.

    The error is rounded to that type first, as every implementation must.
    """
    dtype = np.asarray(pred).dtype
    errors = np.subtract(pred, target, dtype=dtype)
    exact = [mpf(float(dtype.type(value))) for value in params.values()]
    rows = [REFERENCES[name](mpf(float(e)), *exact) for e in errors.ravel()]
    columns = zip(*rows, strict=True) if rows else ([], [], [])
    return [np.array([float(x) for x in column]).reshape(errors.shape) for column in columns]


def assert_close(actual, expected, dtype, ulps: int = 3) -> None:
    """Agreement to a few units in the last place of `dtype`."""
    info = np.finfo(dtype)
    np.testing.assert_allclose(
        np.asarray(actual, dtype=np.float64), expected, rtol=ulps * float(info.eps), atol=float(info.tiny)
    )
