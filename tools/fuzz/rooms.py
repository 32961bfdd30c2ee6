"""Memory between two pages without access: reading or writing beyond it ends the process."""

import ctypes
import mmap
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

#: The byte that fills the memory around the elements: NaN in every float type.
POISON = 0xFF
_NO_ACCESS = 0  # PROT_NONE, for which neither os nor mmap has a name
_MARGIN = 4096  # bytes beside an array, on the side away from the guarded page


class Room:
    """Memory for one array at a time, whose first or last byte is next to a page without access.

    Parameters
    ----------
    size : int
        The most bytes over which an array may extend.
    """

    def __init__(self, size: int) -> None:
        page = mmap.PAGESIZE
        inside = -(-(size + _MARGIN) // page) * page
        memory = np.frombuffer(mmap.mmap(-1, inside + 2 * page), np.uint8)
        self.inside = memory[page:-page]
        library = ctypes.CDLL(None, use_errno=True)
        for guard in (memory[:page], memory[-page:]):
            if library.mprotect(ctypes.c_void_p(guard.ctypes.data), page, _NO_ACCESS):
                raise OSError(ctypes.get_errno(), "mprotect")

    def place(self, like: Array, at_end: bool) -> Array:
        """Make an array like another, filled with POISON, as near to the guarded page as possible."""
        low = sum(min(0, (size - 1) * step) for size, step in zip(like.shape, like.strides, strict=True))
        high = sum(max(0, (size - 1) * step) for size, step in zip(like.shape, like.strides, strict=True))
        reach = high - low + like.itemsize if like.size else 0
        bent = 0 if like.flags.aligned or not like.size else 1  # a byte away, so that it stays misaligned
        room = self.inside
        first = room.size - reach - bent if at_end else bent
        edge = slice(first - _MARGIN, None) if at_end else slice(0, first + reach + _MARGIN)
        self.near = room[edge]
        self.near[:] = POISON
        start = first - low if like.size else first
        return np.ndarray(like.shape, like.dtype, room.data, start, like.strides)
