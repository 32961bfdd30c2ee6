"""Conversion of operands by NumPy; masks and units, which NumPy would silently drop, are refused."""

import sys
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def array(who: str, name: str, value: Any) -> Array:
    """An operand as an array; if its own conversion raises, the message names the argument."""
    refuse_units(who, name, type(value))
    found: Array = converted(who, name, value, np.asarray)
    if not is_whole(value, found):
        for kind in types_within(value, found.ndim):
            refuse_units(who, name, kind)
        raise TypeError(
            f"{who}: {name} is a list of masked arrays: pass their data, and their masks as where=~mask"
        )
    return found


def is_array(value: Any) -> bool:
    """Whether an object says that NumPy can read it as an array."""
    return hasattr(value, "__array__") or hasattr(value, "__array_interface__")


def converted(who: str, name: str, value: Any, by: Callable[[Any], Any]) -> Any:
    """The result of converting an operand, whose code may raise anything."""
    try:
        return by(value)
    except MemoryError:
        raise
    except (OverflowError, ValueError) as error:
        raise ValueError(f"{who}: {name} is not an array: {_line(error)}") from None
    except Exception as error:
        kind = type(value)
        message = f"{who}: {name} must be an array that NumPy can read, got {kind.__name__}: {_line(error)}"
        if kind.__module__.startswith("torch"):
            message += " (fastloss.adapters.torch takes tensors of every type, also those that require grad)"
        raise TypeError(message) from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def refuse_units(who: str, name: str, kind: Any) -> None:
    """Refuse quantities, such as those of pint and Astropy, whose units NumPy would drop."""
    if has_units(kind):
        raise TypeError(
            f"{who}: {name} has units, got {kind.__name__}: pass its numbers alone, all in one unit"
        )


@lru_cache(maxsize=256)
def has_units(kind: type) -> bool:
    """Whether objects of a type have units. An instance is not asked: xarray's may have them for display."""
    return hasattr(kind, "units") or hasattr(kind, "unit")


def masked() -> Any:
    """The class of masked arrays, or an empty tuple where `numpy.ma` is not loaded.

    NumPy loads `numpy.ma` at its first use. A process forked meanwhile would wait for ever for that import.
    """
    return getattr(sys.modules.get("numpy.ma"), "MaskedArray", ())


def is_whole(value: Any, found: Array) -> bool:
    """Whether NumPy's array has lost no masks or units of the arrays in a list."""
    if not isinstance(value, list | tuple):
        return True
    kinds: set[Any] = types_within(value, found.ndim)
    return not any(issubclass(kind, masked()) or has_units(kind) for kind in kinds)


def types_within(value: Any, ndim: int) -> set[type]:
    """The types of the items of a list with `ndim` axes; of its numbers, only the type of the first."""
    if not isinstance(value, list | tuple) or not value:
        return {type(value)}
    if ndim < 2:
        return {type(value[0])}
    found = set(map(type, value))
    for part in value if ndim > 2 else value[:1]:
        found |= types_within(part, ndim - 1)
    return found
