"""Rows of arrays of any type and layout: fetched in the type to compute in, and put back."""

import ctypes
import sys
from collections.abc import Callable
from functools import cache
from types import FunctionType
from typing import Any

import numpy as np
from numba import types
from numba.extending import register_jitable

from fastloss._compile import store
from fastloss._cpu.elements import (
    LINE,
    SQUARE,
    prefetch,
    reader,
    row_type,
    stream_line,
    transposer,
    writer,
)
from fastloss._cpu.intrinsics import address_of as address_in
from fastloss._cpu.intrinsics import settings, stack
from fastloss._cpu.places import AXES, DATA, MOVER, SIZES
from fastloss._formula.sum import ROW
from fastloss._rules.order import address as address_of
from fastloss._rules.order import coalesced

Array = np.ndarray[Any, Any]
DType = np.dtype[Any]
Parts = tuple[Callable[..., None], Callable[..., None]]

# What a mover does with elements of equal steps, with those of short lines, and with squares whose columns
# are contiguous, made for its types.
run: Any = None
run_short: Any = None
run_squares: Any = None

SHORT = 32  # elements of a line, too few to begin a loop of vectors for: 2 x the time


def move(layout, lo, size, row):
    """Move so many elements, from one on in C order, between an array and a row."""
    axes = layout[AXES]
    length, step = layout[SIZES + axes - 1], layout[SIZES + 2 * axes - 1]
    lines, pitch = (layout[SIZES + axes - 2], layout[SIZES + 2 * axes - 2]) if axes > 1 else (1, 1)
    repeats = axes == 2 and pitch == 0
    done = 0
    while done < size:
        place = lo + done
        start, line, base = place % length, place // length % lines, address(layout, place)
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
    """The same for an array whose last axis has longer steps than the one before it.

    Line by line, each element of a line would be of another line of the caches, gone when the next line
    needs it: 7 ns an element at 2**22.
    """
    axes = layout[AXES]
    length, step = layout[SIZES + axes - 1], layout[SIZES + 2 * axes - 1]
    lines, pitch = layout[SIZES + axes - 2], layout[SIZES + 2 * axes - 2]
    done = 0
    while done < size:
        place = lo + done
        start, line, base = place % length, place // length % lines, address(layout, place)
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
def address(layout, place):
    """Where an element is, by its place in C order."""
    axes, found = layout[AXES], layout[DATA]
    for axis in range(axes - 1, -1, -1):
        found += place % layout[SIZES + axis] * layout[SIZES + axes + axis]
        place //= layout[SIZES + axis]
    return found


@register_jitable
def repeat(row, length, size):
    """Fill a row with its first elements again and again, with twice as many each time."""
    while length < size:
        count = min(length, size - length)
        for k in range(count):
            row[length + k] = row[k]
        length += count


def _fetching(dtype: DType, compute: DType) -> Parts:
    read, item = reader(dtype, compute), dtype.itemsize

    @register_jitable
    def fetch(base, step, row, start, count):
        if count == ROW and abs(step) < LINE:
            ask_for_next(base, step)
        if step == item:  # known, for the sake of vectors
            for k in range(count):
                row[start + k] = read(base, k * item)
        elif step == -item:
            for k in range(count):
                row[start + k] = read(base, k * -item)
        elif step == 2 * item:
            for k in range(count):
                row[start + k] = read(base, k * (2 * item))
        elif step == 0:
            value = read(base, 0)
            for k in range(count):
                row[start + k] = value
        else:
            for k in range(count):
                row[start + k] = read(base, k * step)

    @register_jitable
    def fetch_short(base, step, pitch, row, start, count, at, length):
        offset = 0
        if step == 0:
            fill_short(base, pitch, row, start, start + count, length - at, length)
            return
        for k in range(start, start + count):
            row[k] = read(base, offset)
            offset, at = offset + step, at + 1
            if at == length:
                offset, at = offset + pitch - length * step, 0

    @register_jitable
    def fill_short(base, pitch, row, k, stop, left, length):
        while k < stop:
            value = read(base, 0)
            if k + SHORT <= stop:  # more than the line, by whole vectors: the next one writes over it
                for first in range(0, left, EIGHT):
                    for j in range(EIGHT):
                        row[k + first + j] = value
            else:
                for j in range(min(left, stop - k)):
                    row[k + j] = value
            k, base, left = k + left, base + pitch, length

    return fetch, fetch_short


@register_jitable
def ask_for_next(base, step):
    """Ask for the next row's lines while this one is computed: 1.3 x the speed where memory is far."""
    low = base + ROW * step if step >= 0 else base + 2 * ROW * step
    for k in range(0, ROW * abs(step), LINE):
        prefetch(low + k)


def _putting(dtype: DType, compute: DType) -> Parts:
    write, item = writer(dtype, compute), dtype.itemsize

    @register_jitable
    def put(base, step, row, start, count):
        if step == item:
            for k in range(count):
                write(base, k * item, row[start + k])
        else:
            for k in range(count):
                write(base, k * step, row[start + k])

    return put, _putting_short(write)


def _putting_short(write: Any) -> Callable[..., None]:
    @register_jitable
    def put_short(base, step, pitch, row, start, count, at, length):
        offset = 0
        for k in range(start, start + count):
            write(base, offset, row[k])
            offset, at = offset + step, at + 1
            if at == length:
                offset, at = offset + pitch - length * step, 0

    return put_short


def _putting_lines(dtype: DType, compute: DType) -> Parts:
    """Whole lines go past the caches; the processor need not read what it will write: 1.4 x the speed."""
    write, item, converts = writer(dtype, compute), dtype.itemsize, dtype != compute
    converted = stack(ROW * item, np.dtype(np.uint8))

    @register_jitable
    def put(base, step, row, start, count):
        source = address_in(row) + start * item
        if converts:
            source = address_in(converted())
            for k in range(count):
                write(source, k * item, row[start + k])
        first = min(count, -base % LINE // item)
        lines = (count - first) * item // LINE
        for k in range(first):
            write(base, k * item, row[start + k])
        for k in range(first * item, first * item + lines * LINE, LINE):
            stream_line(base + k, source + k)
        for k in range(first + lines * LINE // item, count):
            write(base, k * item, row[start + k])

    return put, _putting_short(write)


def _moving_squares(way: str, dtype: DType, compute: DType) -> Callable[..., int]:
    """What moves squares of so many lines from or to eight columns, and says how many lines it moved."""
    if dtype != compute or dtype.kind != "f":

        @register_jitable
        def none(base, step, pitch, row, place, length, lines):
            return 0

        return none
    transpose, item = transposer(dtype), dtype.itemsize
    width, is_fetched = SQUARE // item, way == "fetch"

    @register_jitable
    def squares(base, step, pitch, row, place, length, lines):
        if pitch != item:
            return 0
        whole, pitch_there = lines - lines % width, length * item
        for line in range(0, whole, width):
            for column in range(0, EIGHT, width):
                here = base + column * step + line * item
                there = address_in(row) + (place + line * length + column) * item
                if is_fetched:
                    transpose(here, step, there, pitch_there)
                else:
                    transpose(there, pitch_there, here, step)
        return whole

    return squares


EIGHT = 8  # elements that are moved together, a vector of most processors

_WAYS = {"fetch": _fetching, "put": _putting, "stream": _putting_lines}


def make_kernel(name: str, way: str, tiled: bool, dtype: DType, compute: DType) -> Callable[..., None]:
    """A mover, as a plain function for Numba to compile; no other on disk may have its name."""
    parts = *_WAYS[way](dtype, compute), _moving_squares(way, dtype, compute)
    for part in parts:
        part.__qualname__ = f"{name}.{part.__name__}"
    moving: Any = move_tile if tiled else move
    scope = dict(zip(("run", "run_short", "run_squares"), parts, strict=True))
    made = FunctionType(moving.__code__, globals() | scope, name)
    made.__qualname__ = name
    return made


def copied(x: Array, start: int, stop: int, dtype: DType) -> Array:
    """Some of an array's elements in C order, in another type."""
    if settings.DISABLE_JIT:
        return x.astype(dtype).reshape(-1)[start:stop]
    row = np.empty(stop - start, dtype)
    move_between("fetch", x, start, row)
    return row


def move_between(way: str, x: Array, start: int, row: Array) -> None:
    """Move a row from or to an array, from one of its elements on."""
    shape, strides = coalesced(x)
    head = 0, mover(way, False, x.dtype, row.dtype), address_of(x), len(shape)
    layout = np.array([*head, *shape, *strides], np.int64)
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p)
    function(head[MOVER])(layout.ctypes.data, start, row.size, row.ctypes.data)


@cache
def mover(way: str, tiled: bool, dtype: DType, compute: DType) -> int:
    """The address of a mover, compiled at its first use."""
    row = types.CPointer(row_type(compute))
    signature = types.CPointer(types.int64), types.int64, types.int64, row
    return store.address_of_own(sys.modules[__name__], signature, way, tiled, dtype, compute)
