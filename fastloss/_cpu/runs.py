"""Functions that move elements of equal strides between memory and a row, made for their dtypes."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba.extending import register_jitable

from fastloss._cpu.elements import (
    FOUR,
    SQUARE,
    fetcher,
    fill_four,
    prefetcher,
    putter,
    reader,
    stream_line,
    transposer,
    writer,
)
from fastloss._cpu.intrinsics import LINE, address_of, stack
from fastloss._formula.sum import ROW

DType = np.dtype[Any]
Run = Callable[..., Any]

SHORT = 32  # lines of fewer elements do not use a vectorised loop, which would take 2 times as long
EIGHT = 8  # elements that are moved together: a vector of most processors


def runs_of(way: str, dtype: DType, compute: DType) -> tuple[Run, Run, Run]:
    """Functions that move elements of one line, of many short lines, and of eight columns in squares."""
    run = {"fetch": _fetching, "put": _putting, "stream": _putting_lines}[way](dtype, compute)
    return run, _moving_short(way, dtype, compute), _moving_squares(way, dtype, compute)


def _fetching(dtype: DType, compute: DType) -> Run:
    read, item = reader(dtype, compute), dtype.itemsize
    # Where data is in no cache, prefetching the next row gave 1.3 times the speed on Zen 3. On Zen 4, it gave
    # 1.0 to 1.2 times for two bytes into the first level, and 0.9 to 1.25 times for more bytes into the
    # second; more bytes into the first level, or rows with gaps, took up to twice the time of none.
    prefetch = prefetcher(1 if item <= 2 else 2)

    @register_jitable
    def fetch(base, step, row, start, count):
        if count == ROW and (step == item or step == -item):
            low = base + ROW * step if step > 0 else base + 2 * ROW * step
            for k in range(0, ROW * item, LINE):
                prefetch(low + k)
        if step == item:  # a constant stride, so that the loop vectorises
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

    return fetch


def _putting(dtype: DType, compute: DType) -> Run:
    write, item = writer(dtype, compute), dtype.itemsize

    @register_jitable
    def put(base, step, row, start, count):
        if step == item:
            for k in range(count):
                write(base, k * item, row[start + k])
        else:
            for k in range(count):
                write(base, k * step, row[start + k])

    return put


def _putting_lines(dtype: DType, compute: DType) -> Run:
    """Write whole cache lines past the caches, without reading them first: 1.4 times the speed."""
    write, item, converts = writer(dtype, compute), dtype.itemsize, dtype != compute
    converted = stack(ROW * item, np.dtype(np.uint8))

    @register_jitable
    def put(base, step, row, start, count):
        source = address_of(row) + start * item
        if converts:
            source = address_of(converted())
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

    return put


def _moving_short(way: str, dtype: DType, compute: DType) -> Run:
    """A function that moves elements of lines that are too short for a loop over each one."""
    mover, item = fetcher if way == "fetch" else putter, dtype.itemsize
    move_one, move_four = mover(dtype, compute, 1), mover(dtype, compute, FOUR)
    read = reader(dtype, compute) if way == "fetch" else None  # outputs have no stride of 0

    # One function: Numba would take one that it called for that of another mover of the same name on disk.
    @register_jitable
    def short(base, step, pitch, row, start, count, at, length):
        k, offset, stop = start, 0, start + count
        # To the end of the first line; then whole lines, if they can be moved by fours; then what is left.
        for end in (start + min(count, length - at) if at > 0 else start, stop):
            while k < end:
                move_one(base + offset, row, k)
                k, offset, at = k + 1, offset + step, at + 1
                if at == length:
                    offset, at = offset + pitch - length * step, 0
            lines = (stop - k) // length
            if step == item and length >= FOUR:
                last = length - FOUR
                for _ in range(lines):
                    for column in range(0, last, FOUR):
                        move_four(base + offset + column * item, row, k + column)
                    move_four(base + offset + last * item, row, k + last)
                    k, offset = k + length, offset + pitch
            if read is not None and step == 0:  # one number for each line
                if length % FOUR > 0:  # what is written beyond a line is overwritten by the next one
                    lines = max(lines - 1, 0)
                for _ in range(lines):
                    number = read(base, offset)
                    fill_four(row, k, number)
                    for column in range(FOUR, length, FOUR):
                        fill_four(row, k + column, number)
                    k, offset = k + length, offset + pitch

    return short


def _moving_squares(way: str, dtype: DType, compute: DType) -> Run:
    """A function that moves squares from or to eight columns and returns how many lines it moved."""
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
                there = address_of(row) + (place + line * length + column) * item
                if is_fetched:
                    transpose(here, step, there, pitch_there)
                else:
                    transpose(there, pitch_there, here, step)
        return whole

    return squares
