"""Each loss written anew, slowly and in exact numbers, to hold the kernels against.

A reference takes the error and the loss's parameters as mpmath numbers and returns value,
gradient and second derivative. It shares no code with the package.
"""

import math
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


def elementwise(name: str, pred, target, params: dict[str, Any], dtype=None):
    """Value, gradient and second derivative of each element, rounded once, to float64.

    Numbers and the error are first rounded to the type to compute in, as every implementation
    must: `dtype`, or pred's own. Parameters are numbers, or arrays that broadcast.
    """
    dtype = np.dtype(dtype or np.asarray(pred).dtype)
    errors = np.subtract(np.asarray(pred, dtype), np.asarray(target, dtype))
    exact = [np.broadcast_to(np.asarray(x, dtype), errors.shape).ravel().tolist() for x in params.values()]
    elements = zip(errors.ravel().tolist(), *exact, strict=True)
    rows = [REFERENCES[name](*map(mpf, element)) for element in elements]
    columns = zip(*rows, strict=True) if rows else ([], [], [])
    return [np.array([float(x) for x in column]).reshape(errors.shape) for column in columns]


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


def assert_close(actual, expected, dtype, ulps: int = 3) -> None:
    """Agreement to a few units in the last place of `dtype`."""
    info = np.finfo(dtype)
    np.testing.assert_allclose(
        np.asarray(actual, dtype=np.float64), expected, rtol=ulps * float(info.eps), atol=float(info.tiny)
    )
