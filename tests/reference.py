"""Expected results of calls, from the exact references in `tests.exact`."""

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from mpmath import mpf

from fastloss import Labels
from fastloss.losses import shipped
from tests.exact import REFERENCES


def cases() -> list[tuple[str, dict[str, float]]]:
    """Every loss with every choice of parameters."""
    return [(name, params) for name, found in REFERENCES.items() for params in found.choices]


def different_in_kind() -> list[str]:
    """Names of losses that stand for all kinds: one for each number of parameters, and one of labels.

    Each is the loss of its kind with the shortest formula, which compiles fastest; huber is always included.
    """
    kinds: dict[Any, list[str]] = {}
    for name, loss in shipped().items():
        of_labels = isinstance(loss.operands.get("target"), Labels)
        kinds.setdefault("labels" if of_labels else min(len(loss.domains), 2), []).append(name)
    shortest = (min(names, key=lambda name: len(code_of(name))) for names in kinds.values())
    return sorted({*shortest, "huber"})


def code_of(name: str) -> bytes:
    """The compiled code of a loss's formula."""
    code: bytes = shipped()[name].formula.__code__.co_code
    return code


def few_cases() -> list[tuple[str, dict[str, float]]]:
    """The cases of the losses that differ in kind."""
    few = different_in_kind()
    return [case for case in cases() if case[0] in few]


def name_of(case: tuple[str, dict[str, float]]) -> str:
    """The name of a case in the id of a test."""
    name, params = case
    return "-".join([name, *map(str, params.values())])


def elementwise(name: str, pred, target, params: dict[str, Any], dtype=None):
    """The value, gradient and second derivative of each element, rounded once to float64.

    The operands and the error are first rounded to the type to compute in, as every implementation
    must do: `dtype`, or the type of pred. Parameters are numbers or arrays that broadcast.
    """
    return _by_element(name, REFERENCES[name].exact, pred, target, params, dtype)


def _by_element(name, of_numbers, pred, target, params, dtype=None):
    dtype = np.dtype(dtype or np.asarray(pred).dtype)
    pred, target = np.broadcast_arrays(np.asarray(pred, dtype), np.asarray(target, dtype))
    if REFERENCES[name].of_error:
        pred, target = np.subtract(pred, target), np.zeros(pred.shape)
    exact = [np.broadcast_to(np.asarray(x, dtype), pred.shape).ravel().tolist() for x in params.values()]
    elements = zip(pred.ravel().tolist(), target.ravel().tolist(), *exact, strict=True)
    rows = [of_numbers(*map(mpf, element)) for element in elements]
    columns = zip(*rows, strict=True) if rows else ([], [], [])
    return [np.array([float(x) for x in column]).reshape(pred.shape) for column in columns]


def reduced(name: str, pred, target, *, dtype, weight=None, where=None, reduction, normalizer=None, **params):
    """The expected results of a whole call: value, gradient and second derivative by name."""
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
    """Hard operands of a loss: zero, tiny and huge ones, and those at each branch and on both sides of it."""
    sizes = [0.0, 5e-324, 1e-300, 1e-9, 0.1, 1.0, 2.5, 8.0, 40.0, 90.0, 720.0, 1e6, 1e18, 1e150]
    sizes += [1.5e154]  # its square overflows, but half of the square does not
    for value in filter(math.isfinite, params.values()):
        sizes += [value, np.nextafter(value, math.inf), np.nextafter(value, -math.inf), value / 2, 2 * value]
    numbers = [sign * float(size) for size in sizes for sign in (1, -1)]
    targets = [0.0] if REFERENCES[name].of_error else numbers[:: max(1, len(numbers) // 20)]
    return (pair for pair in itertools.product(numbers, targets) if inside(name, *pair))


def inside(name: str, pred: float, target: float) -> bool:
    """Whether operands are in the domains of a loss."""
    domains = shipped()[name].operands
    return all(
        operand not in domains or number in domains[operand]
        for operand, number in (("pred", pred), ("target", target))
    )


def assert_elements(results, name: str, pred, target, params: dict[str, Any]) -> None:
    """Assert that the value and derivatives of each element are as exact as the reference states."""
    found, info = REFERENCES[name], np.finfo(pred.dtype)
    expected = elementwise(name, pred, target, params)
    sizes = _by_element(name, found.sizes, pred, target, params)
    for result, exact, size, twice in zip(results, expected, sizes, (1, 1, 2), strict=True):
        exact = np.where(abs(exact) > info.max, np.copysign(np.inf, exact), exact)
        bound = max(3, found.ulps) * twice * float(info.eps) * size + float(info.tiny)
        with np.errstate(invalid="ignore"):
            close = abs(result.astype(float) - exact) <= bound
        wrong = ~close & (result != exact) & ~(np.isnan(result) & np.isnan(exact))
        assert not wrong.any(), (
            name,
            params,
            pred[wrong][0],
            target[wrong][0],
            result[wrong][0],
            exact[wrong][0],
        )


def assert_close(actual, expected, dtype, ulps: int = 3) -> None:
    """Assert agreement to a few units in the last place of `dtype`."""
    info = np.finfo(dtype)
    np.testing.assert_allclose(
        np.asarray(actual, dtype=np.float64), expected, rtol=ulps * float(info.eps), atol=float(info.tiny)
    )
