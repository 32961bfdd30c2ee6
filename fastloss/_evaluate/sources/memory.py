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
from fastloss._rules.foreign.operands import as_array

_ROWS = 1 << 17  # of a block


class Memory:
    """A mapping from names to arrays of one axis and one length."""

    def __init__(self, arrays: Mapping[str, Any], name: str = "the source") -> None:
        self.name, self._given = name, arrays
        self._arrays: dict[str, Any] = {}

    def dtype(self, role: str, column: str) -> DType:
        if column not in self._given:
            refuse_missing(self.name, column, list(self._given))
        given = self._given[column]
        found = np.asanyarray(given if is_by(role) else as_array("evaluate", f"column {column!r}", given))
        if found.ndim != 1:
            raise ValueError(
                f"evaluate: column {column!r} of {self.name} must have one axis, got shape {found.shape}"
            )
        self._arrays[column] = found
        return check_type(self.name, role, column, found.dtype)

    def rows(self) -> int | None:
        return min(map(len, self._arrays.values()))

    def shape(self, column: str) -> tuple[int, ...] | None:
        return None

    def blocks(self, columns: Mapping[str, str]) -> Iterator[Block]:
        sizes = {column: len(self._arrays[column]) for column in columns.values()}
        check_lengths(self.name, sizes)
        for lo in range(0, next(iter(sizes.values())), _ROWS):
            part = {role: self._arrays[column][lo : lo + _ROWS] for role, column in columns.items()}
            for role in filter(is_by, part):
                part[role] = coded(part[role], self.name, columns[role])
            yield part


def coded(keys: Any, name: str, column: str) -> Coded:
    """An array of keys as indices and distinct keys."""
    missing = np.ma.getmaskarray(keys)
    if keys.dtype == object:  # in which pandas has NaN for a missing key
        missing = missing | np.array([_none(key) for key in keys], bool)
    keys = np.ma.getdata(keys)
    if keys.dtype.kind == "M":
        missing = missing | np.isnat(keys)
    if keys.dtype.kind == "f":
        refuse_nan_keys(name, column, int(np.count_nonzero(np.isnan(keys) & ~missing)))
    try:
        found, places = np.unique(keys[~missing], return_inverse=True)
    except TypeError:
        refuse_type(name, BY, column, f"{keys.dtype} of several kinds")
    if found.dtype.kind == "M" and np.datetime_data(found.dtype)[0] in ("ns", "ps", "fs", "as"):
        exact, found = found, found.astype("M8[us]")  # the finest unit of Python's times
        if (found != exact).any():
            refuse_type(name, BY, column, exact.dtype)
    full = np.full(keys.size, -1)
    full[~missing] = places
    return Coded(full, found.tolist(), bool(missing.any()))


def _none(key: Any) -> bool:
    """Whether a key is missing: None, a NaN, or pandas' NA, which has no truth value."""
    return key is None or type(key).__name__ == "NAType" or bool(key != key)
