"""Conversion of operands of any library to NumPy or CUDA arrays, and of results back."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import numpy as np

from fastloss._rules.foreign import (
    aligned,
    of_dask,
    of_dlpack,
    of_pandas,
    of_polars,
    of_pyarrow,
    of_xarray,
)

_LIBRARIES: dict[str, Any] = {
    "dask": of_dask,
    "pandas": of_pandas,
    "polars": of_polars,
    "pyarrow": of_pyarrow,
    "xarray": of_xarray,
}


def library_of(x: Any) -> Any:
    """The module for an operand's library; None if NumPy or the CUDA array interface is enough."""
    kind: Any = type(x)
    return _of_type(kind)


@lru_cache(maxsize=256)
def _of_type(kind: Any) -> Any:
    if issubclass(kind, np.ndarray | np.generic):
        return None
    for base in kind.__mro__:
        library = _LIBRARIES.get(base.__module__.partition(".")[0])
        if library is not None:
            return library if issubclass(kind, library.kinds()) else None
    speaks = hasattr(kind, "__dlpack__") and not hasattr(kind, "__cuda_array_interface__")
    return of_dlpack if speaks else None


def are_any(operands: Iterable[Any]) -> bool:
    """Whether any of these operands needs the module of its library."""
    return any(x is not None and library_of(x) is not None for x in operands)


def are_lazy(operands: Iterable[Any]) -> bool:
    """Whether any of these operands is a Dask collection."""
    return any(library_of(x) is of_dask for x in operands)


def as_array(who: str, name: str, x: Any) -> Any:
    """An operand in a form that NumPy or the CUDA array interface accepts; anything else unchanged."""
    library = library_of(x)
    return x if library is None else library.array(who, name, x)


def arrays(who: str, given: dict[str, Any], stream: Any) -> dict[str, Any]:
    """Operands by name in that form; labels, where operands have them, must agree."""
    libraries = {name: library_of(x) for name, x in given.items()}
    found, axes = dict(given), {}
    for name, library in libraries.items():
        if library is of_dlpack:
            found[name] = of_dlpack.array(who, name, given[name], stream)
        elif library is not None:
            found[name] = library.array(who, name, given[name])
            axes[name] = library.axes(given[name]) if getattr(found[name], "ndim", 0) else ()
            _check_frame(who, name, axes[name], found)
    aligned.check(who, axes)
    return found


def _check_frame(who: str, name: str, axes: tuple[Any, ...], found: dict[str, Any]) -> None:
    """Refuse a frame where pred is one column, to which a frame does not broadcast."""
    if axes and axes[-1] and axes[-1].what == "columns" and np.ndim(found["pred"]) == 1:
        raise ValueError(
            f"{who}: {name} is a frame of shape {found[name].shape}, but pred has one axis: "
            f"expected one column of {name}"
        )


def outputs(who: str, outs: dict[str, Any], stream: Any) -> tuple[Any, ...]:
    """The outputs, with the CUDA array interface for device arrays that only support DLPack."""
    found = dict(outs)
    for name, x in outs.items():
        library = library_of(x)
        if library is of_dlpack and of_dlpack.is_on_device(x):
            found[name] = of_dlpack.array(who, name, x, stream)
        elif library is not None:
            raise TypeError(f"{who}: {name} must be a NumPy array, got {type(x).__name__}")
    return tuple(found.values())


def results(pred: Any, found: Any, outs: tuple[Any, ...]) -> Any:
    """Results for the caller: outputs as they were given, new arrays as pandas objects if pred is one."""
    if isinstance(found, tuple):
        return tuple(results(pred, x, outs) for x in found)
    if isinstance(found, of_dlpack.OnDevice):
        return found.owner
    is_new = isinstance(found, np.ndarray) and not any(found is out for out in outs)
    return of_pandas.like(pred, found) if is_new and library_of(pred) is of_pandas else found
