"""The rules for numbers: parameters, weights and the divisor of a mean."""

from functools import cache
from math import inf, isfinite
from numbers import Real
from typing import Any

import numpy as np

from fastloss._definition.definition import Definition
from fastloss._definition.domain import Domain
from fastloss._rules.arrays import FLOAT32, FLOAT64, Array, broadcast, has_axes, is_real
from fastloss._rules.foreign import of_numpy
from fastloss._rules.formatting import shown
from fastloss._rules.options import unknown_keyword

_NORMAL = {dtype: (float(np.finfo(dtype).tiny), float(np.finfo(dtype).max)) for dtype in (FLOAT32, FLOAT64)}

#: The types of a scalar that need no conversion by NumPy.
NUMBER_TYPES = float, int, np.float64, np.float32
#: Up to this absolute value, a float holds every int exactly.
LARGEST_EXACT_INT = 1 << 53


def normalizer(who: str, value: Any, reduction: str) -> float | None:
    """Check a normalizer and return it as a float."""
    if value is None:
        return None
    if reduction != "mean":
        raise ValueError(f"{who}: normalizer is only allowed with reduction='mean', got {reduction!r}")
    number = _number(who, "normalizer", value)
    if not (number > 0 and isfinite(number)):
        raise ValueError(f"{who}: normalizer must be a finite number > 0, got {shown(value)}")
    return number


def factor(who: str, what: str, denominator: float, dtype: np.dtype[Any]) -> None:
    """Refuse a divisor of a mean whose reciprocal cannot multiply derivatives."""
    if denominator and not in_range(denominator, dtype):
        raise ValueError(
            f"{who}: derivatives are multiplied by 1 / {what}, which must be a normal number in {dtype}, "
            f"the type of this computation, got {what} = {denominator!r}"
        )


def in_range(denominator: float, dtype: np.dtype[Any]) -> bool:
    """Whether the reciprocal is a normal number, with full precision, in a dtype."""
    least, most = _NORMAL[dtype]
    return least <= 1 / denominator <= most


def parameters(
    loss: Definition, given: dict[str, Any], shape: tuple[int, ...], compute_type: np.dtype[Any]
) -> dict[str, float | Array]:
    """The loss's own parameters in the order in which its formula takes them.

    Scalars are checked in full, arrays only as far as that is possible without reading their elements.
    """
    for name in given:
        if name not in loss.domains:
            unknown_keyword(loss, name)
    found: dict[str, float | Array] = {}
    for name, domain in loss.domains.items():
        value = given.get(name, domain.default)
        if name not in given and value is None:
            raise TypeError(f"{loss.name}: {name} has no default, pass {name}={domain}")
        if has_axes(value):
            found[name] = broadcast(loss.name, name, value, shape)
        else:
            number = _number(loss.name, name, value)
            found[name] = _in_domain(loss.name, name, domain, number, shown(value), compute_type)
    return found


def values(
    who: str,
    name: str,
    domain: Domain,
    held: Array,
    dtype: np.dtype[Any],
    kept: tuple[Array, Array] | None = None,
) -> None:
    """Check every number that an array holds.

    With `kept`, a pair of the broadcast weights and a mask, only the weights that the mask keeps count.
    """
    if held.size == 0:
        return
    with np.errstate(invalid="ignore"):  # bfloat16 warns of NaN
        extremes = held.min(), held.max()  # NaN if any number is
        if kept is not None and not all(float(x) in domain and _cast(x, dtype) in domain for x in extremes):
            full, where = kept
            extremes = full.min(where=where, initial=0), full.max(where=where, initial=0)
    for extreme in extremes:
        _in_domain(who, name, domain, float(extreme), repr(float(extreme)), dtype)


def _in_domain(who: str, name: str, domain: Domain, number: float, shown: str, dtype: np.dtype[Any]) -> float:
    """The number in the dtype to compute in, if it is in the domain before and after conversion."""
    if number not in domain:
        raise ValueError(f"{who}: {name} must be {domain}, got {shown}")
    cast = _cast(number, dtype)
    if cast not in domain:
        raise ValueError(
            f"{who}: {name}={shown} is {cast} in {dtype}, the type of this computation, "
            f"and must be {domain} there"
        )
    return cast


def least_total(given: np.dtype[Any], size: int, dtype: np.dtype[Any]) -> float:
    """The least sum at which weights of a wider dtype lose no more digits than by rounding."""
    return size * _NORMAL[dtype][0] if given.kind == "f" and given.itemsize > dtype.itemsize else 0.0


def digits(who: str, weight: Array, where: Array | None, dtype: np.dtype[Any]) -> None:
    """Refuse weights so small that those kept lose digits in the dtype to compute in."""
    kept = weight if where is None else weight[np.broadcast_to(where, weight.shape)]
    with np.errstate(under="ignore"):
        lost = abs(kept - kept.astype(dtype)).sum()
    if lost > np.finfo(dtype).eps * kept.sum():
        raise ValueError(
            f"{who}: weight must be large enough to keep its digits in {dtype}, the type of this "
            f"computation, got at most {float(kept.max())!r}: scale it, or pass float64 pred and target"
        )


def _cast(number: float, dtype: np.dtype[Any]) -> float:
    with np.errstate(over="ignore", under="ignore"):
        return float(dtype.type(number))


def _number(who: str, name: str, value: Any) -> float:
    of_numpy.refuse_units(who, name, type(value))
    number: Any = value
    if isinstance(value, Real) and type(number) is not np.timedelta64:  # a subclass of NumPy's integers
        try:
            return float(value)
        except OverflowError:  # an int of more than 308 digits
            return inf if number > 0 else -inf
    if hasattr(value, "as_py"):  # an Arrow scalar
        return _number(who, name, value.as_py())
    scalar = of_numpy.converted(who, name, value, np.asarray) if of_numpy.is_array(value) else None
    if scalar is None or scalar.ndim or not is_real(scalar.dtype) or _is_masked(value):
        raise TypeError(f"{who}: {name} must be a number, got {type(value).__name__} {shown(value)}")
    return float(scalar)


def _is_masked(value: Any) -> bool:
    return isinstance(value, of_numpy.masked()) and bool(np.ma.is_masked(value))


@cache
def closed(domain: Domain, dtype: np.dtype[Any], of: np.dtype[Any] | None = None) -> tuple[float, float]:
    """The least and the greatest number of a domain in a dtype.

    With a wider dtype `of`, no number from outside the domain rounds to one between these two, except
    perhaps to -0.0.
    """
    with np.errstate(all="ignore"):
        low, high = (dtype.type(bound) for bound in (domain.low, domain.high))
        if float(low) not in domain:
            low = np.nextafter(low, dtype.type(inf))
        if float(high) not in domain:
            high = np.nextafter(high, dtype.type(-inf))
        if of is not None and of.itemsize > dtype.itemsize:
            low = np.nextafter(low, dtype.type(inf)) if low and isfinite(low) else low
            high = np.nextafter(high, dtype.type(-inf)) if high and isfinite(high) else high
    return float(low), float(high)


def number_of(value: Any, low: float, high: float) -> float | None:
    """A value as a float if it is of one of `NUMBER_TYPES` and between two bounds, else None."""
    if type(value) is not float:
        if type(value) not in NUMBER_TYPES or (type(value) is int and abs(value) > LARGEST_EXACT_INT):
            return None
        value = float(value)
    return value if low <= value <= high else None
