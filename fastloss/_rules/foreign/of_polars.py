"""Polars Series and DataFrames: their numbers, with NaN for nulls, and their column names."""

import sys
from typing import Any

import numpy as np

from fastloss._rules.foreign.aligned import Axis
from fastloss._rules.foreign.columns import column_of, is_mask, refuse_null, refuse_type, side_by_side

Array = np.ndarray[Any, Any]


def kinds() -> tuple[type, ...]:
    """The types that this module handles."""
    polars = sys.modules["polars"]
    return polars.Series, polars.DataFrame, polars.LazyFrame


def array(who: str, name: str, x: Any) -> Array:
    """A Series or a DataFrame as a NumPy array."""
    polars = sys.modules["polars"]
    if isinstance(x, polars.LazyFrame):
        raise TypeError(f"{who}: {name} is a LazyFrame, which holds no numbers yet: pass {name}.collect()")
    if isinstance(x, polars.DataFrame):
        if len(set(x.dtypes)) == 1 and x.dtypes[0].is_float():
            return np.asarray(x)  # without a copy if its columns are adjacent in memory
        columns = [_column(who, column_of(name, column.name), column) for column in x.get_columns()]
        return side_by_side(columns, x.height)
    return _column(who, name, x)


def _column(who: str, name: str, x: Any) -> Array:
    polars, dtype = sys.modules["polars"], x.dtype
    boolean = dtype == polars.Boolean
    known = boolean or dtype.is_float() or dtype.is_integer() or isinstance(dtype, polars.Array)
    if not known or "128" in str(dtype):
        refuse_type(who, name, dtype)
    if x.null_count() and (boolean or dtype.is_integer()):
        if boolean and is_mask(name):
            refuse_null(who, name, "where.fill_null(False)")
        x = x.cast(polars.Float64)  # Polars would make small integers float32
    return np.asarray(x)


def axes(x: Any) -> tuple[Axis | None, ...]:
    """The names of a DataFrame's columns; rows have none."""
    return (None, Axis("columns", x.columns)) if isinstance(x, sys.modules["polars"].DataFrame) else ()
