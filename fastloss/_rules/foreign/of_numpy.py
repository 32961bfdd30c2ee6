"""What NumPy makes of an operand, unless it would leave masks or units away in silence."""

import sys
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def array(who: str, name: str, value: Any) -> Array:
    """An operand as an array; an error of its own conversion names the argument."""
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
    """What a conversion makes of an operand, whose code may raise anything."""
    try:
        return by(value)
    except MemoryError:
        raise
    except (OverflowError, ValueError) as error:
        raise ValueError(f"{who}: {name} is not an array: {_line(error)}") from None
    except Exception as error:
        kind = type(value).__name__
        raise TypeError(f"{who}: {name} is no array that NumPy reads, got {kind}: {_line(error)}") from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def refuse_units(who: str, name: str, kind: Any) -> None:
    """Refuse quantities, as those of pint and Astropy, of which NumPy would take the bare numbers."""
    if has_units(kind):
        raise TypeError(
            f"{who}: {name} has units, got {kind.__name__}: pass its numbers alone, all in one unit"
        )


@lru_cache(maxsize=256)
def has_units(kind: type) -> bool:
    """Whether objects of a type have units; of the type, as xarray's arrays have them for show."""
    return hasattr(kind, "units") or hasattr(kind, "unit")


def masked() -> Any:
    """The class of masked arrays; no class where NumPy has loaded none.

    NumPy loads `numpy.ma` when it is first asked for: a process forked meanwhile would wait for it for ever.
    """
    return getattr(sys.modules.get("numpy.ma"), "MaskedArray", ())


def is_whole(value: Any, found: Array) -> bool:
    """Whether the array that NumPy made of a list has all of what the arrays in it hold."""
    if not isinstance(value, list | tuple):
        return True
    kinds: set[Any] = types_within(value, found.ndim)
    return not any(issubclass(kind, masked()) or has_units(kind) for kind in kinds)


def types_within(value: Any, ndim: int) -> set[type]:
    """The types that a list of so many axes has above its numbers, and that of its first number."""
    if not isinstance(value, list | tuple) or not value:
        return {type(value)}
    if ndim < 2:
        return {type(value[0])}
    found = set(map(type, value))
    for part in value if ndim > 2 else value[:1]:
        found |= types_within(part, ndim - 1)
    return found
