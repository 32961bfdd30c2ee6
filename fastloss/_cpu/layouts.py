"""Tables of the operands that are not plain arrays; `fastloss._cpu.table_format` describes their format."""

from typing import Any

import numpy as np

from fastloss._compile import uninterrupted
from fastloss._cpu.table_format import PARAMS, TILES, WHERE
from fastloss._rules.order import address, coalesced

Array = np.ndarray[Any, Any]
DType = np.dtype[Any]

_BOOL = np.dtype(bool)
# Placeholders for arrays that a kernel finds by their layout.
_EMPTY = {dtype: np.empty(0, dtype) for dtype in (_BOOL, np.dtype(np.float32), np.dtype(np.float64))}
NONE: Array = np.empty(0, np.int64)  # the table of a launch whose operands are all plain


def is_plain(x: Array, dtype: DType) -> bool:
    """Whether kernels can use an array in place, if rows have this dtype."""
    return x.dtype == dtype and x.flags.c_contiguous and x.flags.aligned


def is_interpreted() -> bool:
    """Whether JIT is disabled, for debugging."""
    uninterrupted.load("fastloss._compile.store")
    from fastloss._compile import store  # loads Numba's compiler

    return bool(store.settings.DISABLE_JIT)


class Table:
    """The layouts of a launch's operands.

    Parameters
    ----------
    dtype : dtype
        The type to compute in.
    params : int
        How many parameters there are.
    """

    def __init__(self, dtype: DType, params: int) -> None:
        self.dtype = dtype
        self.entries = [0] * (PARAMS + params)
        self.is_needed = False
        self.copies: list[tuple[Array, Array]] = []

    def take(self, operand: int, x: Any, way: str = "fetch", plain: bool = True) -> Any:
        """An operand for a kernel: flat, or empty with a layout in this table; a number or None as it is."""
        if not isinstance(x, np.ndarray):
            return x
        row = _BOOL if operand == WHERE else self.dtype
        if is_plain(x, row) and plain and way != "stream":
            return x.reshape(-1)
        if way == "stream" and not is_plain(x, x.dtype):
            way = "put"
        uninterrupted.load("fastloss._cpu.movers")
        from fastloss._cpu import movers  # loads Numba's compiler

        if is_interpreted():
            return self._copy(x, row, way)
        shape, strides = coalesced(x)
        tiled = len(strides) > 1 and abs(strides[-1]) > abs(strides[-2]) > 0
        self.entries[TILES] += tiled
        self.entries[operand] = len(self.entries)
        self.entries += tiled and self.entries[TILES], movers.mover(way, tiled, x.dtype, row)
        self.entries += address(x), len(shape), *shape, *strides
        self.is_needed = True
        return _EMPTY[row]

    def _copy(self, x: Array, row: DType, way: str) -> Array:
        """A plain copy, where JIT is disabled and nothing can move rows."""
        copy = np.empty(x.size, row)
        if way == "fetch":
            np.copyto(copy.reshape(x.shape), x, casting="unsafe")
        else:
            self.copies.append((copy, x))
        return copy

    def write_copies(self) -> None:
        """Write the copies of outputs back to their arrays."""
        for copy, x in self.copies:
            np.copyto(x, copy.reshape(x.shape), casting="unsafe")

    def as_array(self) -> Array:
        """The table itself, empty if no operand needs it."""
        return np.array(self.entries, np.int64) if self.is_needed else NONE
