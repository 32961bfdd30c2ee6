"""Functions that move rows of arrays of any dtype and layout to and from buffers of the compute dtype."""

import ctypes
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import types
from numba.extending import register_jitable

from fastloss._compile import store
from fastloss._cpu.elements import row_type
from fastloss._cpu.runs import EIGHT, SHORT, runs_of
from fastloss._cpu.table_format import AXES, DATA, MOVER, SIZES
from fastloss._rules.order import address as address_of
from fastloss._rules.order import coalesced

Array = np.ndarray[Any, Any]
DType = np.dtype[Any]

# Placeholders: each mover has functions for its own types in their place. They move elements of equal
# strides, those of short lines, and squares whose columns are contiguous.
run: Any = None
run_short: Any = None
run_squares: Any = None


def move(layout, lo, size, row):
    """Move `size` elements, from element `lo` on in C order, between an array and a row."""
    axes = layout[AXES]
    length, step = layout[SIZES + axes - 1], layout[SIZES + 2 * axes - 1]
    lines, pitch = (layout[SIZES + axes - 2], layout[SIZES + 2 * axes - 2]) if axes > 1 else (1, 1)
    repeats = axes == 2 and pitch == 0
    done = 0
    while done < size:
        index = lo + done
        start, line, base = index % length, index // length % lines, address(layout, index)
        if length < SHORT and axes > 1 and not repeats:
            count = min(size - done, (lines - line) * length - start)
            run_short(base, step, pitch, row, done, count, start, length)
            done += count
            continue
        while done < size and line < lines:
            count = min(size - done, length - start)
            run(base, step, row, done, count)
            base += pitch - start * step
            done, line, start = done + count, line + 1, 0
            if repeats and done >= length:
                repeat(row, length, size)
                return


def move_tile(layout, lo, size, row):
    """The same for an array whose last axis has a longer stride than the one before it.

    Line by line, each element of a line would be in another cache line, which would be evicted before the
    next line needs it: 7 ns per element at 2**22 elements.
    """
    axes = layout[AXES]
    length, step = layout[SIZES + axes - 1], layout[SIZES + 2 * axes - 1]
    lines, pitch = layout[SIZES + axes - 2], layout[SIZES + 2 * axes - 2]
    done = 0
    while done < size:
        index = lo + done
        start, line, base = index % length, index // length % lines, address(layout, index)
        whole = 0 if start else min(lines - line, (size - done) // length)
        if whole < 2:
            count = min(size - done, length - start)
            run(base, step, row, done, count)
            done += count
        for column in range(0, length if whole >= 2 else 0, EIGHT):
            width = min(EIGHT, length - column)
            squares = 0
            if width == EIGHT:
                squares = run_squares(base + column * step, step, pitch, row, done + column, length, whole)
            for k in range(squares, whole):
                run(base + k * pitch + column * step, step, row, done + k * length + column, width)
        done += whole * length if whole >= 2 else 0


@register_jitable
def address(layout, index):
    """The address of an element, by its index in C order."""
    axes, found = layout[AXES], layout[DATA]
    for axis in range(axes - 1, -1, -1):
        found += index % layout[SIZES + axis] * layout[SIZES + axes + axis]
        index //= layout[SIZES + axis]
    return found


@register_jitable
def repeat(row, length, size):
    """Fill a row by repeating its first `length` elements, twice as many each time."""
    while length < size:
        count = min(length, size - length)
        for k in range(count):
            row[length + k] = row[k]
        length += count


def make_kernel(name: str, way: str, tiled: bool, dtype: DType, compute: DType) -> Callable[..., None]:
    """A mover, as a plain function for Numba to compile; no other on disk may have its name."""
    one, short, squares = parts = runs_of(way, dtype, compute)
    for part in parts:
        part.__qualname__ = f"{name}.{part.__name__}"
    return store.filled(move_tile if tiled else move, name, run=one, run_short=short, run_squares=squares)


def copied(x: Array, start: int, stop: int, dtype: DType) -> Array:
    """Elements `start` to `stop` of an array in C order, in another dtype."""
    if store.settings.DISABLE_JIT:
        return x.astype(dtype).reshape(-1)[start:stop]
    row = np.empty(stop - start, dtype)
    move_between("fetch", x, start, row)
    return row


def move_between(way: str, x: Array, start: int, row: Array) -> None:
    """Move a row from or to an array, from its element `start` on."""
    shape, strides = coalesced(x)
    head = 0, mover(way, False, x.dtype, row.dtype), address_of(x), len(shape)
    layout = np.array([*head, *shape, *strides], np.int64)
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p)
    function(head[MOVER])(layout.ctypes.data, start, row.size, row.ctypes.data)


@cache
def mover(way: str, tiled: bool, dtype: DType, compute: DType) -> int:
    """The address of a mover, compiled at first use."""
    row = types.CPointer(row_type(compute))
    signature = types.CPointer(types.int64), types.int64, types.int64, row
    return store.address_of_own(sys.modules[__name__], signature, way, tiled, dtype, compute)
