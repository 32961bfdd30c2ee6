"""The CPU kernel, one for all losses: a single pass over pred and target for the sum and the derivatives.

Row by row, it fetches every operand, calls the function that applies the loss's formula
(`fastloss._cpu.row`), stores the outputs, and adds the losses to the lanes of the sum, whose shape
`fastloss._formula.sum` describes. A row of a plain array, contiguous and of the dtype to compute in, is used
in place; `fastloss._cpu.movers` moves all others.
"""

import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import prange, types
from numba.extending import register_jitable
from numba.np.numpy_support import from_dtype

from fastloss._compile import store
from fastloss._cpu.intrinsics import (
    address_of,
    call_row,
    fence,
    move,
    overlap,
    stack,
    store_addresses,
    store_numbers,
)
from fastloss._cpu.table_format import LOSS_OUT, LOSSES, PARAMS, PRED, TILE, TILES, WHERE
from fastloss._cpu.variant import Variant
from fastloss._formula.sum import BAND, BANDS, CHUNK, LANES, ROW

DType = np.dtype[Any]

# Placeholders: each kernel has functions for its own types in their place.
chunk: Any = None
new_addresses: Any = None
new_numbers: Any = None


def make_kernel(name: str, variant: Variant) -> Callable[..., Any]:
    """The kernel of a variant, as a plain function for Numba to compile.

    It takes the address of a loss's row function and, for each operand, a flat array, an empty array if the
    operand has a layout, or None if it is absent. It returns the sum of the losses from `start` to `stop`, or
    0 if they are not summed. It raises BufferError, before anything is written, if an output given as a flat
    array shares memory with another array. No other kernel on disk may have its `name`.
    """
    operands = PARAMS + len(variant.params)
    return store.filled(
        kernel,
        name,
        chunk=_chunk_of(variant.dtype, operands, variant.summed),
        new_addresses=stack(operands, np.dtype(np.int64)),
        new_numbers=stack(1 + len(variant.params), np.dtype(np.float64)),
    )


def kernel(
    row, layouts, start, stop, pred, target, weight, where, params, scale, loss_out, grad_out, hess_out
):
    if overlap((loss_out, grad_out, hess_out), (pred, target, weight, where, params)):
        raise BufferError
    addresses, numbers = new_addresses(), new_numbers()
    store_addresses((None, loss_out, grad_out, hess_out, pred, target, weight, where, params), addresses)
    store_numbers(scale, params, numbers)
    chunks = (stop - start + CHUNK - 1) // CHUNK
    # One array for two purposes, and a conditional in place of min: each NumPy or Python function that a
    # kernel calls takes 0.05 to 0.15 s to compile.
    both = np.empty(2 * chunks)
    partials, ended = both[:chunks], both[chunks:]
    for c in range(chunks):
        ended[c] = 0.0
    for c in prange(chunks):
        lo = start + c * CHUNK
        hi = lo + CHUNK if stop - lo > CHUNK else stop
        partials[c] = chunk(row, layouts, addresses, numbers, lo, hi)
        ended[c] = 1.0
    check(ended)
    return fold_pairs(partials)


@cache
def _chunk_of(dtype: DType, operands: int, summed: bool) -> Callable[..., Any]:
    item = dtype.itemsize
    # Buffers for rows, in the order of the layouts; the first one is for the losses to be summed.
    new_buffers, new_lanes = stack(operands * ROW, dtype), stack(BANDS * LANES, np.dtype(np.float64))
    new_integers = stack(operands, np.dtype(np.int64))

    @register_jitable
    def chunk(row, layouts, begins, numbers, start, stop):
        buffers, lanes, addresses, moved = new_buffers(), new_lanes(), new_integers(), new_integers()
        if stop - start <= BAND:
            lanes = lanes[:LANES]  # the other bands would add nothing
        lanes[:] = 0.0
        laid_out = layouts.size > 0
        tiles = np.empty(layouts[TILES] * CHUNK * item // 8, np.int64) if laid_out else layouts
        addresses[LOSSES] = address_of(buffers)
        for operand in range(LOSS_OUT, operands):
            moved[operand] = 0
            addresses[operand] = begins[operand] + start * (1 if operand == WHERE else item)
        if laid_out:
            locate(layouts, start, stop, addresses, moved, buffers, tiles)
        for lo in range(start, stop, ROW):
            size = ROW if stop - lo > ROW else stop - lo
            if laid_out:
                move_rows(layouts, lo, size, addresses, moved, PRED, operands)
            call_row(row, addresses, numbers, size)
            if laid_out:
                move_rows(layouts, lo, size, addresses, moved, LOSS_OUT, PRED)
            if summed:
                buffers[size:ROW] = 0  # adds nothing
                add(lanes, lo - start, buffers)
            for operand in range(LOSS_OUT, operands):
                if moved[operand] == 0:
                    addresses[operand] += ROW * (1 if operand == WHERE else item)
        if laid_out:
            move_tiles(layouts, start, stop, tiles, item, LOSS_OUT, PRED)
            fence()
        return fold_lanes(lanes) if summed else 0.0

    chunk.__qualname__ = store.own_name(sys.modules[__name__], dtype, operands, summed)
    return chunk


def signature(variant: Variant) -> tuple[Any, ...]:
    """The types of a kernel's arguments; inputs have read-only types, which accept writeable arrays too."""
    dtype = from_dtype(variant.dtype)
    read, written = types.Array(dtype, 1, "C", readonly=True), types.Array(dtype, 1, "C")
    weight = read if variant.weight else types.none
    where = types.Array(types.boolean, 1, "C", readonly=True) if variant.where else types.none
    params = types.Tuple([read if each else types.float64 for each in variant.params])
    outs = [
        written if each else types.none for each in (variant.loss_out, variant.grad_out, variant.hess_out)
    ]
    layouts = types.Array(types.int64, 1, "C")
    head = types.int64, layouts, types.int64, types.int64
    return *head, read, read, weight, where, params, types.float64, *outs


@register_jitable
def check(ended):
    """Refuse an incomplete result: Numba loses what its threads raise, such as MemoryError."""
    for each in ended:
        if not each:
            raise RuntimeError("a thread ended early, perhaps out of memory: the results are not complete")


# The losses of a row are added in a loop of their own, four to a lane, so that each lane is read and written
# once. In the loop of the formula, lanes in float64 would halve the width of its vectors.
@register_jitable
def add(lanes, offset, losses):
    """Add the losses of a row, at its offset in the chunk, to the lanes of its band, in increasing order."""
    first = offset // BAND * LANES
    own = lanes[first : first + LANES]  # `lanes[first + k]` would not vectorise: half the speed
    for k in range(LANES):
        total = own[k]
        for j in range(ROW // LANES):
            total += np.float64(losses[j * LANES + k])
        own[k] = total


@register_jitable
def fold_lanes(lanes):
    """Fold in halves, two levels at once, which takes half the time."""
    quarter = lanes.size // 4
    while quarter > 1:
        for k in range(quarter):
            first, second = lanes[k] + lanes[k + 2 * quarter], lanes[k + quarter] + lanes[k + 3 * quarter]
            lanes[k] = first + second
        quarter //= 4
    return lanes[0] + lanes[1]


@register_jitable
def fold_pairs(partials):
    size = partials.size
    if size == 0:
        return 0.0
    while size > 1:
        for i in range(size // 2):
            partials[i] = partials[2 * i] + partials[2 * i + 1]
        if size % 2 == 1:
            partials[size // 2] = partials[size - 1]
        size = (size + 1) // 2
    return partials[0]


@register_jitable
def locate(layouts, start, stop, addresses, moved, buffers, tiles):
    """Fetch the tiles of operands that have one; for those moved by rows, note the layout and the buffer."""
    address = address_of(tiles)
    move_tiles(layouts, start, stop, tiles, buffers.itemsize, PRED, addresses.size)
    for operand in range(LOSS_OUT, addresses.size):
        layout = layouts[operand]
        if layout > 0:
            tile = layouts[layout + TILE]
            addresses[operand] = address + (tile - 1) * CHUNK * buffers.itemsize
            if tile == 0:
                addresses[operand] = address_of(buffers) + operand * ROW * buffers.itemsize
                moved[operand] = layout


@register_jitable
def move_tiles(layouts, start, stop, tiles, item, first, last):
    """Move a chunk of each operand that has a tile, among those from `first` to `last`."""
    for operand in range(first, last):
        layout = layouts[operand]
        if layout > 0 and layouts[layout + TILE] > 0:
            tile = (layouts[layout + TILE] - 1) * CHUNK * item
            move(layouts, layout, start, stop - start, address_of(tiles) + tile)


@register_jitable
def move_rows(layouts, lo, size, addresses, moved, first, last):
    """Move a row of each operand that is moved by rows, among those from `first` to `last`."""
    for operand in range(first, last):
        if moved[operand] > 0:
            move(layouts, moved[operand], lo, size, addresses[operand])
