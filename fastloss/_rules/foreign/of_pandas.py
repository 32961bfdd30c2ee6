"""pandas Series and DataFrames: their numbers, with NaN for missing values, and their labels."""

import sys
from typing import Any

import numpy as np

from fastloss._rules.foreign.aligned import Axis
from fastloss._rules.foreign.columns import column_of, is_mask, refuse_null, refuse_type, side_by_side

Array = np.ndarray[Any, Any]


def kinds() -> tuple[type, ...]:
    """The types that this module handles."""
    pandas = sys.modules["pandas"]
    return pandas.Series, pandas.DataFrame, pandas.Index, pandas.api.extensions.ExtensionArray


def array(who: str, name: str, x: Any) -> Array:
    """A Series, a DataFrame, an Index or an extension array of pandas as a NumPy array."""
    is_frame = isinstance(x, sys.modules["pandas"].DataFrame)
    return _frame(who, name, x) if is_frame else _column(who, name, x)


def _frame(who: str, name: str, x: Any) -> Array:
    dtypes = set(x.dtypes)
    if len(dtypes) == 1 and isinstance(dtype := dtypes.pop(), np.dtype) and dtype.kind in "fiub":
        return np.asarray(x)
    columns = [
        _column(who, column_of(name, label), x.iloc[:, place]) for place, label in enumerate(x.columns)
    ]
    return side_by_side(columns, len(x))


def _column(who: str, name: str, x: Any) -> Array:
    dtype = x.dtype
    if dtype.kind not in "fiubc":
        refuse_type(who, name, dtype)
    numpys = getattr(dtype, "numpy_dtype", None)
    if numpys is None:  # a NumPy dtype, or sparse
        return np.asarray(x)
    if dtype.kind == "f":
        return np.asarray(x.to_numpy(dtype=numpys, na_value=np.nan))
    if not x.isna().any():
        return np.asarray(x.to_numpy(dtype=numpys))
    if is_mask(name):
        refuse_null(who, name, "where.fillna(False)")
    return np.asarray(x.to_numpy(dtype=np.float64, na_value=np.nan))


def axes(x: Any) -> tuple[Axis | None, ...]:
    """The labels of a Series or a DataFrame along its axes."""
    pandas = sys.modules["pandas"]
    if isinstance(x, pandas.DataFrame):
        return Axis("index", x.index), Axis("columns", x.columns)
    return (Axis("index", x.index),) if isinstance(x, pandas.Series) else ()


def like(pred: Any, result: Array) -> Any:
    """An elementwise result as an object of pred's type with its labels, without a copy."""
    pandas = sys.modules["pandas"]
    if isinstance(pred, pandas.DataFrame):
        return pandas.DataFrame(result, index=pred.index, columns=pred.columns, copy=False)
    if isinstance(pred, pandas.Series):
        return pandas.Series(result, index=pred.index, name=pred.name, copy=False)
    return result
