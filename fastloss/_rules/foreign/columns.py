"""Functions for columns that all libraries share."""

from typing import Any, NoReturn

import numpy as np

Array = np.ndarray[Any, Any]


def side_by_side(columns: list[Array], rows: int) -> Array:
    """Columns as an array of two axes in their common dtype; a single column is not copied."""
    if len(columns) == 1:
        return columns[0].reshape(-1, 1)
    dtype = np.result_type(*[column.dtype for column in columns]) if columns else np.float64
    found = np.empty((rows, len(columns)), dtype, order="F")
    for place, column in enumerate(columns):
        found[:, place] = column
    return found


def refuse_type(who: str, name: str, dtype: Any) -> NoReturn:
    """Refuse a dtype other than numbers, even if NumPy could convert it."""
    wanted = "booleans" if is_mask(name) else "real numbers of at most 64 bits"
    raise TypeError(f"{who}: {name} must hold {wanted}, got dtype {dtype}; convert it first")


def refuse_null(who: str, name: str, filled: str) -> NoReturn:
    """Refuse a mask in which values are missing."""
    raise ValueError(
        f"{who}: {name} must be True or False for each element, got missing values: "
        f"fill them, for example by {filled}"
    )


def is_mask(name: str) -> bool:
    """Whether an operand, or a column of one, has to hold booleans."""
    return name.split("'")[0] == "where"


def column_of(name: str, label: Any) -> str:
    """What messages call a column of an operand."""
    return f"{name}'s column {label!r}"
