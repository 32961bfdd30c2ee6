"""Arrays in memory by name: NumPy arrays, or what can be converted to them."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from fastloss._evaluate.groups import Coded
from fastloss._evaluate.sources.source import (
    BY,
    Block,
    DType,
    check_lengths,
    check_type,
    is_by,
    refuse_missing,
    refuse_nan_keys,
    refuse_type,
)
from fastloss._rules.foreign.of_numpy import converted
from fastloss._rules.foreign.operands import as_array

_ROWS = 1 << 17  # of a block
_METHODS = ("is_null", "to_pylist"), ("is_null", "to_list"), ("isna", "tolist")  # of Arrow, Polars, pandas


class Memory:
    """A mapping from names to arrays of one axis and one length."""

    name = "the source"

    def __init__(self, arrays: Mapping[str, Any]) -> None:
        self._given = arrays
        self._arrays: dict[str, Any] = {}  # by their roles, as a column of keys may hold pred, too

    def dtype(self, role: str, column: str) -> DType:
        if column not in self._given:
            refuse_missing(self.name, column, list(self._given))
        given = self._given[column]
        said = f"column {column!r}"
        given = given if is_by(role) else as_array("evaluate", said, given)
        found = converted("evaluate", said, given, _keys if is_by(role) else np.asanyarray)
        if found.ndim != 1:
            raise ValueError(
                f"evaluate: column {column!r} of {self.name} must have one axis, got shape {found.shape}"
            )
        self._arrays[role] = found
        return check_type(self.name, role, column, found.dtype)

    def rows(self) -> int | None:
        return min(map(len, self._arrays.values()))

    def shape(self, column: str) -> tuple[int, ...] | None:
        return None

    def blocks(self, columns: Mapping[str, str]) -> Iterator[Block]:
        sizes = {column: len(self._arrays[role]) for role, column in columns.items()}
        check_lengths(self.name, sizes)
        for lo in range(0, next(iter(sizes.values())), _ROWS):
            part = {role: self._arrays[role][lo : lo + _ROWS] for role in columns}
            for role in filter(is_by, part):
                part[role] = coded(part[role], self.name, columns[role])
            yield part


def _keys(given: Any) -> Any:
    """A column of keys; as objects if keys are missing where NumPy would make NaN of them."""
    found = np.asanyarray(given)
    if found.dtype.kind == "f":
        for is_missing, objects in _METHODS:
            known = hasattr(given, is_missing) and hasattr(given, objects)
            if known and np.asarray(getattr(given, is_missing)()).any():
                return np.array(getattr(given, objects)(), object)
    return found


def coded(keys: Any, name: str, column: str) -> Coded:
    """An array of keys as indices and distinct keys."""
    missing = np.ma.getmaskarray(keys)
    keys = np.ma.getdata(keys)
    if keys.dtype.kind == "M":
        missing = missing | np.isnat(keys)
    if keys.dtype.kind == "f":
        refuse_nan_keys(name, column, int(np.count_nonzero(np.isnan(keys) & ~missing)))
    try:
        if keys.dtype == object:  # in which pandas has NaN for a missing key
            missing = missing | np.array([_none(key) for key in keys], bool)
        found, places = np.unique(keys[~missing], return_inverse=True)
    except TypeError:
        refuse_type(name, BY, column, f"{keys.dtype} of several kinds or without a hash")
    if found.dtype.kind == "M" and np.datetime_data(found.dtype)[0] in ("ns", "ps", "fs", "as"):
        exact, found = found, found.astype("M8[us]")  # the finest unit of Python's times
        if (found != exact).any():
            refuse_type(name, BY, column, exact.dtype)
    full = np.full(keys.size, -1)
    full[~missing] = places
    return Coded(full, found.tolist(), bool(missing.any()))


def _none(key: Any) -> bool:
    """Whether a key is missing: None, a NaN, or pandas' NA, which has no truth value.

    Raises TypeError for a list, an array or the like, which cannot be a key.
    """
    hash(key)
    return key is None or type(key).__name__ == "NAType" or bool(key != key)
