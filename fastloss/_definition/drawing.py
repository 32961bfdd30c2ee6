"""Random operands that a loss allows, to show, measure and test losses with."""

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
    """Predictions and targets of a loss.

    Those of any number are normal, those above or below a bound exponential from there, those between two
    bounds uniform, labels equally frequent.

    Parameters
    ----------
    loss : Definition
        Whose domains of `pred` and `target` count.
    rng : numpy.random.Generator
        The source.
    shape : int or tuple of int
        Of both.
    dtype : data type
        Of both.
    spread : float or ndarray, default 1.0
        The standard deviation of what is normal, the mean distance of what is exponential; of each element,
        if it is an array.
    """
    pred, target = (
        _rounded(loss.operands.get(name), rng, shape, dtype, spread) for name in ("pred", "target")
    )
    return pred, target


def _rounded(domain: Domain | Labels | None, rng: Any, shape: Any, dtype: Any, spread: Any) -> Array:
    """Numbers in a type, in which they do not reach a bound that is none of them."""
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
