"""Sums of each group over a stream of blocks, with the bits of one call on the group's rows."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastloss._formula.sum import BAND, BANDS, CHUNK, LANES

Array = np.ndarray[Any, Any]
DType = np.dtype[Any]
Codes = NDArray[np.int32]

_LEVELS = 40  # of the tree of chunks: 2**54 rows
_FOLDED = 1 << 12  # groups whose lanes are folded at once


class GroupSums:
    """The sum of each group's numbers, which are given block by block.

    The rows of a group form chunks of their own, as `fastloss._formula.sum` describes. Full chunks are folded
    into subtrees as soon as there are two of the same size. So a group takes 1 KiB until it has 2**12 rows,
    and 4.3 KiB however many it has: memory that is not used is never touched, and takes no space.

    Attributes
    ----------
    rows : ndarray of int
        The number of rows of each group so far; there is room for more groups.
    """

    def __init__(self, dtype: DType) -> None:
        self._add = _kernel(dtype)
        self._lanes = np.zeros((BANDS, 0, LANES))
        self.rows = np.zeros(0, np.int64)
        self._subtrees = np.zeros((0, _LEVELS))

    def add(self, numbers: Array, codes: Codes, groups: int) -> bool:
        """Add each number to the sum of its group; return whether one is NaN."""
        if groups > self.rows.size:
            self._grow(max(2 * self.rows.size, groups))
        return bool(self._add(numbers, codes, self._lanes, self.rows, self._subtrees))

    def _grow(self, groups: int) -> None:
        """Make room for more groups, without touching lanes that are not used yet."""
        known, most = self.rows.size, int(self.rows.max(initial=0))
        try:
            lanes, subtrees = np.zeros((BANDS, groups, LANES)), np.zeros((groups, _LEVELS))
        except MemoryError as error:
            raise MemoryError(
                f"evaluate: too many groups: by has {known:,} keys or more ({error})"
            ) from error
        used = min(BANDS, -(-most // BAND))
        lanes[:used, :known] = self._lanes[:used]
        full = self.rows >= CHUNK
        subtrees[:known][full] = self._subtrees[full]
        self._lanes, self._subtrees = lanes, subtrees
        self.rows = np.concatenate([self.rows, np.zeros(groups - known, np.int64)])

    def totals(self, groups: int) -> Array:
        """The sum of each group."""
        if groups > self.rows.size:
            self._grow(groups)
        with np.errstate(all="ignore"):
            total = np.concatenate(
                [_folded(self._lanes[:, lo : min(lo + _FOLDED, groups)]) for lo in range(0, groups, _FOLDED)]
                or [np.zeros(0)]
            )
            chunks = self.rows[:groups] // CHUNK
            for level in range(int(chunks.max(initial=0)).bit_length()):  # the smallest hold the last rows
                has = chunks >> level & 1 == 1
                total[has] = self._subtrees[:groups][has, level] + total[has]
        return total


def _folded(lanes: Array) -> Array:
    """The sum of each group's last chunk, which is not full: its lanes folded in halves."""
    folded = lanes.transpose(1, 0, 2).reshape(lanes.shape[1], -1)
    while folded.shape[1] > 1:
        half = folded.shape[1] // 2
        folded = folded[:, :half] + folded[:, half:]
    return folded[:, 0]


@cache
def _kernel(dtype: DType) -> Callable[..., bool]:
    from numba import types  # loads the compiler
    from numba.np.numpy_support import from_dtype

    from fastloss._compile import store
    from fastloss._evaluate import kernel

    numbers = types.Array(from_dtype(dtype), 1, "C", readonly=True)
    codes = types.Array(types.int32, 1, "C", readonly=True)
    lanes, rows = types.Array(types.float64, 3, "C"), types.Array(types.int64, 1, "C")
    signature = numbers, codes, lanes, rows, types.Array(types.float64, 2, "C")
    return store.compile_own(kernel, signature)
