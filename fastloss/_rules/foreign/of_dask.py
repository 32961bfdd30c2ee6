"""Dask collections, which hold no numbers yet. Dask arrays have an engine of their own."""

import sys
from typing import Any, NoReturn


def kinds() -> tuple[type, ...]:
    """The types that this module handles."""
    return (sys.modules["dask.base"].DaskMethodsMixin,)


def array(who: str, name: str, x: Any) -> NoReturn:
    """Refuse a lazy collection where numbers are needed at once."""
    raise TypeError(
        f"{who}: {name} is Dask's {type(x).__name__}, which holds no numbers yet: pass {name}.compute()"
    )
