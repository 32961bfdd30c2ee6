"""xarray arrays: their numbers, their dimensions and the labels along them."""

import sys
from typing import Any

import numpy as np

from fastloss._rules.foreign import of_numpy
from fastloss._rules.foreign.aligned import Axis


def kinds() -> tuple[type, ...]:
    """The types that this module handles."""
    xarray = sys.modules["xarray"]
    return xarray.DataArray, xarray.Variable, xarray.Dataset


def array(who: str, name: str, x: Any) -> Any:
    """A DataArray or a Variable as a NumPy array, or as the device array that it holds."""
    if isinstance(x, sys.modules["xarray"].Dataset):
        raise TypeError(f"{who}: {name} is a Dataset: pass one of its variables, or {name}.to_dataarray()")
    data = getattr(x, "data", x)
    of_numpy.refuse_units(who, name, type(data))
    return data if hasattr(data, "__cuda_array_interface__") else np.asarray(x)


def axes(x: Any) -> tuple[Axis | None, ...]:
    """The dimensions, each with its labels if it has some."""
    coords = getattr(x, "coords", {})
    return tuple(
        Axis(f"coordinate {dim!r}", coords[dim].to_index() if dim in coords else None, dim) for dim in x.dims
    )
