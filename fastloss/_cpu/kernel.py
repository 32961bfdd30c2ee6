"""The CPU kernel: one pass over pred and target for the loss's sum and derivatives.

Row by row it fetches every operand, applies the formula, puts the outputs, and adds the losses to the
lanes of the sum, whose shape `fastloss._formula.sum` describes. A row of a plain array, contiguous and
of the type to compute in, is used where it lies; `fastloss._cpu.rows` moves all others.
"""

from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np
from numba import prange, types
from numba.extending import register_jitable
from numba.np.numpy_support import from_dtype

from fastloss._cpu.intrinsics import (
    address_of,
    addresses,
    at,
    call_apart,
    fence,
    move,
    overlap,
    settings,
    stack,
)
from fastloss._cpu.places import (
    LOSS_OUT,
    PARAMS,
    PRED,
    TILE,
    TILES,
    WHERE,
)
from fastloss._cpu.variant import Variant
from fastloss._definition.domain import ANYTHING, Operands
from fastloss._formula.element import element_of
from fastloss._formula.sum import BAND, BANDS, CHUNK, LANES, ROW

chunk: Any = None  # a kernel has the chunk of its formula here


def make_kernel(
    formula: Callable[..., Any],
    variant: Variant,
    name: str,
    operands: Operands = ANYTHING,
    irls: str | None = None,
) -> Callable[..., Any]:
    """A kernel for one formula, as a plain function for Numba to compile.

    It takes flat arrays, empty ones for operands that have a layout, and None for those that are
    absent. It returns the sum of the losses from `start` to `stop`, or 0 if they are not summed; it raises
    BufferError, before anything is written, if an output given as a flat array shares memory with another
    array. No other kernel that is kept on disk may have its `name`.
    """
    element = element_of(formula, variant.dtype.type, operands, irls)
    if settings.DISABLE_JIT:  # the user is debugging
        return _interpreted(element, variant.summed)
    row = _row_of(element)
    chunk_of_formula = _chunk_of(row, variant)
    for part in (element, row, chunk_of_formula):
        part.__qualname__ = f"{name}.{part.__name__}"
    # Not a closure, which Numba would pickle into the key of its index on disk, to other bytes now and then.
    made = FunctionType(kernel.__code__, globals() | {"chunk": chunk_of_formula}, name)
    made.__qualname__ = name
    return made


def kernel(layouts, start, stop, pred, target, weight, where, params, scale, loss_out, grad_out, hess_out):
    if overlap((loss_out, grad_out, hess_out), (pred, target, weight, where, params)):
        raise BufferError
    chunks = (stop - start + CHUNK - 1) // CHUNK
    # One array, a choice in place of min: each function of NumPy or Python that a kernel calls takes 0.05 to
    # 0.15 s to compile.
    both = np.empty(2 * chunks)
    partials, ended = both[:chunks], both[chunks:]
    for c in range(chunks):
        ended[c] = 0.0
    for c in prange(chunks):
        lo = start + c * CHUNK
        hi = lo + CHUNK if stop - lo > CHUNK else stop
        partials[c] = chunk(
            layouts, lo, hi, pred, target, weight, where, params, scale, loss_out, grad_out, hess_out
        )
        ended[c] = 1.0
    check(ended)
    return fold_pairs(partials)


def _chunk_of(row: Callable[..., Any], variant: Variant) -> Callable[..., Any]:
    summed, item = variant.summed, variant.dtype.itemsize
    operands = PARAMS + len(variant.params)
    # Rows wait here, in the order of the layouts; those of the losses to be summed are the first.
    rows, lanes_of = stack(operands * ROW, variant.dtype), stack(BANDS * LANES, np.dtype(np.float64))
    places_of = stack(operands, np.dtype(np.int64))

    @register_jitable
    def chunk(layouts, start, stop, pred, target, weight, where, params, scale, loss_out, grad_out, hess_out):
        waiting, lanes, places, moved = rows(), lanes_of(), places_of(), places_of()
        if stop - start <= BAND:
            lanes = lanes[:LANES]  # of the other bands nothing would be added
        lanes[:] = 0.0
        losses = waiting if summed else None
        arrays = losses, loss_out, grad_out, hess_out, pred, target, weight, where, params
        addresses(arrays, places)
        laid_out = layouts.size > 0
        tiles = np.empty(layouts[TILES] * CHUNK * item // 8, np.int64) if laid_out else layouts
        for operand in range(LOSS_OUT, operands):
            moved[operand] = 0
            places[operand] += start * (1 if operand == WHERE else item)
        if laid_out:
            locate(layouts, start, stop, places, moved, waiting, tiles)
        for lo in range(start, stop, ROW):
            size = ROW if stop - lo > ROW else stop - lo
            if laid_out:
                move_rows(layouts, lo, size, places, moved, PRED, operands)
            call_apart(row, arrays, places, scale, size)
            if laid_out:
                move_rows(layouts, lo, size, places, moved, LOSS_OUT, PRED)
            if summed:
                waiting[size:ROW] = 0  # adds nothing
                add(lanes, lo - start, waiting)
            for operand in range(LOSS_OUT, operands):
                if moved[operand] == 0:
                    places[operand] += ROW * (1 if operand == WHERE else item)
        if laid_out:
            move_tiles(layouts, start, stop, tiles, item, LOSS_OUT, PRED)
            fence()
        return fold_lanes(lanes) if summed else 0.0

    return chunk


def _row_of(element: Callable[..., Any]) -> Callable[..., Any]:
    @register_jitable(forceinline=True)
    def row(losses, loss_out, grad_out, hess_out, pred, target, weight, where, params, scale, size):
        for k in range(size):
            value, grad, hess = element(pred[k], target[k], at(weight, k), at(where, k), at(params, k), scale)
            if losses is not None:
                losses[k] = value
            if loss_out is not None:
                loss_out[k] = value
            if grad_out is not None:
                grad_out[k] = grad
            if hess_out is not None:
                hess_out[k] = hess

    return row


def _interpreted(element: Callable[..., Any], summed: bool) -> Callable[..., Any]:
    """The kernel as plain Python, with the same bits, for plain arrays."""

    def item(x, k):
        return tuple(item(each, k) for each in x) if type(x) is tuple else x[k] if np.ndim(x) else x

    def kernel(layouts, start, stop, pred, target, weight, where, params, scale, *outs):
        others = [x for x in (pred, target, weight, where, *params) if x is not None and np.ndim(x)]
        for out in outs:
            if out is None:
                continue
            if any(np.may_share_memory(out, x) for x in others):
                raise BufferError
            others.append(out)
        sums = []
        for lo in range(start, stop, CHUNK):
            losses, lanes = np.zeros(CHUNK, pred.dtype), np.zeros((BANDS, LANES))
            for k in range(lo, min(lo + CHUNK, stop)):
                found = element(
                    *(item(x, k) for x in (pred, target, weight, where, params)),
                    scale,
                )
                losses[k - lo] = found[0]
                for out, value in zip(outs, found, strict=True):
                    if out is not None:
                        out[k] = value
            for row in losses.reshape(BANDS, -1, LANES).swapaxes(0, 1):
                lanes += row
            sums.append(fold_lanes(lanes.reshape(-1)))
        return fold_pairs(np.array(sums)) if summed else 0.0

    return kernel


def signature(variant: Variant) -> tuple[Any, ...]:
    """The types of a kernel's arguments; inputs as read-only, which takes writeable ones too."""
    dtype = from_dtype(variant.dtype)
    read, written = types.Array(dtype, 1, "C", readonly=True), types.Array(dtype, 1, "C")
    weight = read if variant.weight else types.none
    where = types.Array(types.boolean, 1, "C", readonly=True) if variant.where else types.none
    params = types.Tuple([read if each else types.float64 for each in variant.params])
    outs = [
        written if each else types.none for each in (variant.loss_out, variant.grad_out, variant.hess_out)
    ]
    layouts = types.Array(types.int64, 1, "C")
    return (
        layouts,
        types.int64,
        types.int64,
        read,
        read,
        weight,
        where,
        params,
        types.float64,
        *outs,
    )


@register_jitable
def check(ended):
    """Refuse a result of which a part is missing: Numba loses what its threads raise, out of memory say."""
    for each in ended:
        if not each:
            raise RuntimeError("a thread ended early, out of memory perhaps: the results are not complete")


# A row's losses are added at once, four to a lane, which is read and written once for them: lanes in
# float64 would halve the width of the formula's vectors if they shared its loop.
@register_jitable
def add(lanes, place, losses):
    """Add a row's losses, at its place in the chunk, to the lanes of its band, in rising order."""
    first = place // BAND * LANES
    own = lanes[first : first + LANES]  # `lanes[first + k]` would not vectorise: half the speed
    for k in range(LANES):
        total = own[k]
        for j in range(ROW // LANES):
            total += np.float64(losses[j * LANES + k])
        own[k] = total


@register_jitable
def fold_lanes(lanes):
    """Fold in halves, two times at once: half the time."""
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
def locate(layouts, start, stop, places, moved, waiting, tiles):
    """Fetch the tiles of operands that have some; note whose rows are moved instead, and where they wait."""
    address = address_of(tiles)
    move_tiles(layouts, start, stop, tiles, waiting.itemsize, PRED, places.size)
    for operand in range(LOSS_OUT, places.size):
        layout = layouts[operand]
        if layout > 0:
            tile = layouts[layout + TILE]
            places[operand] = address + (tile - 1) * CHUNK * waiting.itemsize
            if tile == 0:
                places[operand] = address_of(waiting) + operand * ROW * waiting.itemsize
                moved[operand] = layout


@register_jitable
def move_tiles(layouts, start, stop, tiles, item, first, last):
    """Move a chunk of each operand that has a tile, of those from one to another."""
    for operand in range(first, last):
        layout = layouts[operand]
        if layout > 0 and layouts[layout + TILE] > 0:
            tile = (layouts[layout + TILE] - 1) * CHUNK * item
            move(layouts, layout, start, stop - start, address_of(tiles) + tile)


@register_jitable
def move_rows(layouts, lo, size, places, moved, first, last):
    """Move a row of each operand whose rows are moved, of those from one to another."""
    for operand in range(first, last):
        if moved[operand] > 0:
            move(layouts, moved[operand], lo, size, places[operand])
