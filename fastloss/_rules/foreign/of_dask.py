"""Collections of Dask, which hold no numbers yet: arrays have an engine of their own."""

import sys
from typing import Any, NoReturn


def kinds() -> tuple[type, ...]:
    """The types that are known here."""
    return (sys.modules["dask.base"].DaskMethodsMixin,)


def array(who: str, name: str, x: Any) -> NoReturn:
    """Refuse what is lazy where numbers are needed at once."""
    raise TypeError(
        f"{who}: {name} is Dask's {type(x).__name__}, which holds no numbers yet: pass {name}.compute()"
    )


def axes(x: Any) -> tuple[None, ...]:
    """No labels, as Dask's arrays have none."""
    return ()
