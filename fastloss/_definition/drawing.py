"""Random operands that a loss allows, for showing, measuring and testing losses."""

from math import inf
from typing import Any

import numpy as np

from fastloss._definition.definition import Definition
from fastloss._definition.domain import Domain, Labels

Array = np.ndarray[Any, Any]


def drawn(
    loss: Definition,
    rng: np.random.Generator,
    shape: int | tuple[int, ...],
    dtype: Any,
    spread: float | Array = 1.0,
) -> tuple[Array, Array]:
    """Random predictions and targets of a loss.

    Without bounds, numbers are normal; with one bound, exponential from there; between two bounds, uniform.
    Labels are equally frequent.

    Parameters
    ----------
    loss : Definition
        The loss, whose domains of `pred` and `target` are used.
    rng : numpy.random.Generator
        The source of random numbers.
    shape : int or tuple of int
        The shape of both.
    dtype : data type
        The type of both.
    spread : float or ndarray, default 1.0
        The standard deviation of normal numbers, and the mean distance of exponential ones from their bound;
        an array has one for each element.
    """
    pred, target = (
        _rounded(loss.operands.get(name), rng, shape, dtype, spread) for name in ("pred", "target")
    )
    return pred, target


def _rounded(domain: Domain | Labels | None, rng: Any, shape: Any, dtype: Any, spread: Any) -> Array:
    """Random numbers, cast to a type and moved off bounds to which they were rounded."""
    found: Array = np.asarray(_numbers(domain, rng, shape, spread)).astype(dtype)
    if isinstance(domain, Domain):
        found = np.where(found == domain.low, np.nextafter(found, found.dtype.type(inf)), found)
        found = np.where(found == domain.high, np.nextafter(found, found.dtype.type(-inf)), found)
    return found


def _numbers(
    domain: Domain | Labels | None, rng: np.random.Generator, shape: Any, spread: float | Array
) -> Any:
    if isinstance(domain, Labels):
        return rng.choice(domain.values, shape)
    if domain is None or (domain.low == -inf and domain.high == inf):
        return spread * rng.standard_normal(shape)
    if domain.high == inf:
        return domain.low + spread * rng.standard_exponential(shape)
    if domain.low == -inf:
        return domain.high - spread * rng.standard_exponential(shape)
    return rng.uniform(domain.low, domain.high, shape)
