"""Arrow arrays and tables: their numbers, with NaN for nulls, and their column names."""

import sys
from typing import Any

import numpy as np

from fastloss._rules.foreign.aligned import Axis
from fastloss._rules.foreign.columns import column_of, is_mask, refuse_null, refuse_type, side_by_side

Array = np.ndarray[Any, Any]


def kinds() -> tuple[type, ...]:
    """The types that this module handles."""
    arrow = sys.modules["pyarrow"]
    return arrow.Array, arrow.ChunkedArray, arrow.Table, arrow.RecordBatch, arrow.Scalar


def array(who: str, name: str, x: Any) -> Any:
    """An Array, a ChunkedArray, a Table or a RecordBatch as a NumPy array; a scalar as a number."""
    arrow = sys.modules["pyarrow"]
    if isinstance(x, arrow.Scalar):
        return x.as_py()
    if isinstance(x, arrow.Table | arrow.RecordBatch):
        columns = [
            _column(who, column_of(name, label), x.column(place))
            for place, label in enumerate(x.schema.names)
        ]
        return side_by_side(columns, x.num_rows)
    return _column(who, name, x)


def _column(who: str, name: str, x: Any) -> Array:
    types, dtype = sys.modules["pyarrow"].types, x.type
    boolean = types.is_boolean(dtype)
    if not (boolean or types.is_floating(dtype) or types.is_integer(dtype)):
        refuse_type(who, name, dtype)
    if boolean and x.null_count:
        if is_mask(name):
            refuse_null(who, name, "where.fill_null(False)")
        x = x.cast("double")  # else NumPy gets objects; Arrow itself makes integers doubles
    return np.asarray(x)


def axes(x: Any) -> tuple[Axis | None, ...]:
    """The names of a table's columns; rows have none."""
    arrow = sys.modules["pyarrow"]
    is_table = isinstance(x, arrow.Table | arrow.RecordBatch)
    return (None, Axis("columns", x.schema.names)) if is_table else ()
