"""The CUDA kernel: one launch over pred and target for the loss's sum and derivatives.

Each block computes a chunk and each of its warps a band; a thread keeps four lanes of the sum in registers.
The last of 64 blocks to end folds the sums of all 64, the last of 64 such groups folds those of the groups,
and so on. Everything is added in the order of the CPU kernel, so the sums have the same bits.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types
from numba.extending import register_jitable

from fastloss._cuda.access import EIGHT_BYTES, FOUR_BYTES, cuda, each, libdevice, load, store
from fastloss._definition.domain import ANYTHING, Operands
from fastloss._formula.element import element_of
from fastloss._formula.sum import BAND, BANDS, CHUNK, LANES

DType = np.dtype[Any]

WARP = 32
THREADS = BANDS * WARP  # of a block
CHUNK_LANES = BANDS * LANES
ROWS = BAND // LANES
FLIGHT = 2  # rows read before any is used; two take 0.73 times as long as one at 10**6 elements on an H200
ALL = 0xFFFFFFFF  # threads of a warp
GROUP = 2 * WARP  # sums that a block folds at once


def make_kernel(
    formula: Callable[..., Any],
    dtype: DType,
    summed: bool,
    operands: Operands = ANYTHING,
    irls: str | None = None,
) -> Callable[..., Any]:
    """A kernel for one formula, as a plain function for Numba to compile.

    Operands are None, numbers, flat arrays aligned to 16 bytes, whose neighbours are read and written in one
    request, or arrays of any strides. The last block divides the sum by the first number of `divisor` and
    writes the quotient to `total`, with its reciprocal if there is room. Derivatives are multiplied by the
    second number of `divisor`. `tickets` holds a 0 for each group of sums, before and after the launch.
    """
    element = element_of(formula, dtype.type, operands, irls)
    lane, fetch, put = EIGHT_BYTES if dtype.itemsize == 8 else FOUR_BYTES
    compute_row, compute_rest = _row_of(element, put, summed), _rest_of(element, lane, summed)

    def kernel(
        size, pred, target, weight, where, params, divisor, loss_out, grad_out, hess_out,
        total, partials, tickets,
    ):  # fmt: skip
        operands, outs = (pred, target, weight, where, params), (loss_out, grad_out, hess_out)
        lanes = cuda.shared.array(CHUNK_LANES, types.float64)
        band, t = cuda.threadIdx.x // WARP, types.int64(cuda.threadIdx.x % WARP)
        start = types.int64(cuda.blockIdx.x) * CHUNK + band * types.int64(BAND)
        rows = types.int32(max(types.int64(0), min(types.int64(ROWS), (size - start) // LANES)))
        row = types.int32(0)
        scale = divisor[1]
        sums = 0.0, 0.0, 0.0, 0.0
        while row + (FLIGHT - 1) < rows:
            cuda.syncwarp()  # with next_rows, keeps NVVM from unrolling
            lo = start + row * types.int64(LANES)
            one, two = fetch(operands, lo, t), fetch(operands, lo + LANES, t)
            sums = compute_row(one, sums, scale, outs, lo, t)
            sums = compute_row(two, sums, scale, outs, lo + LANES, t)
            row = next_rows(row)
        own = band * LANES
        if summed:
            lanes[own + lane(t, 0)], lanes[own + lane(t, 1)] = sums[0], sums[1]
            lanes[own + lane(t, 2)], lanes[own + lane(t, 3)] = sums[2], sums[3]
        if row < ROWS:
            compute_rest(operands, lanes, own, scale, outs, start + row * types.int64(LANES), t, size)
        if summed:
            join_bands(lanes)
            if band == 0:
                fold(fold_lanes(lanes), partials, tickets, total, divisor[0])

    return kernel


def _row_of(element: Callable[..., Any], put: Callable[..., Any], summed: bool) -> Callable[..., Any]:
    """A function that adds the losses of four elements of a row to four sums and writes their outputs."""

    @register_jitable
    def compute_row(operands, sums, scale, outs, lo, t):
        p, q, w, m, c = operands
        v0, g0, h0 = element(p[0], q[0], w[0], m[0], each(c, 0), scale)
        v1, g1, h1 = element(p[1], q[1], w[1], m[1], each(c, 1), scale)
        v2, g2, h2 = element(p[2], q[2], w[2], m[2], each(c, 2), scale)
        v3, g3, h3 = element(p[3], q[3], w[3], m[3], each(c, 3), scale)
        put(outs[0], lo, t, (v0, v1, v2, v3))
        put(outs[1], lo, t, (g0, g1, g2, g3))
        put(outs[2], lo, t, (h0, h1, h2, h3))
        if summed:
            return add(sums[0], v0), add(sums[1], v1), add(sums[2], v2), add(sums[3], v3)
        return sums

    return compute_row


def _rest_of(element: Callable[..., Any], lane: Callable[..., Any], summed: bool) -> Callable[..., Any]:
    """A function that computes a thread's elements of the last rows of an array, one by one."""

    @register_jitable
    def compute_rest(operands, lanes, own, scale, outs, lo, t, size):
        for j in range(4 * FLIGHT):
            k = lane(t, j % 4)
            i = lo + j // 4 * LANES + k
            if i < size:
                p, q, w, m, c = load(operands, i)
                v, g, h = element(p, q, w, m, c, scale)
                if summed:
                    lanes[own + k] = add(lanes[own + k], v)
                store(outs[0], i, v)
                store(outs[1], i, g)
                store(outs[2], i, h)

    return compute_rest


@register_jitable
def next_rows(row):
    """The row after those in flight, by a step that the compiler cannot determine."""
    return row + types.int32(cuda.blockDim.x) // types.int32(THREADS // FLIGHT)


@register_jitable
def add(total, value):
    """Add in float64. An ordinary sum could be contracted with a product, which the CPU rounds."""
    return libdevice.dadd_rn(total, types.float64(value))


@register_jitable
def join_bands(lanes):
    """Fold the lanes of a chunk's four bands, in halves, into those of the first."""
    cuda.syncthreads()
    k = cuda.threadIdx.x
    lanes[k] = add(add(lanes[k], lanes[k + 256]), add(lanes[k + 128], lanes[k + 384]))
    cuda.syncthreads()


@register_jitable
def fold_lanes(lanes):
    """In the first thread of a warp, the sum of the 128 lanes of a band, folded in halves."""
    k = cuda.threadIdx.x
    value = add(add(lanes[k], lanes[k + 64]), add(lanes[k + 32], lanes[k + 96]))
    offset = WARP // 2
    while offset > 0:
        value = add(value, cuda.shfl_down_sync(ALL, value, offset))
        offset //= 2
    return value


@register_jitable
def fold(value, partials, tickets, total, denominator):
    """Store the sum of a chunk. The last block of a group folds the group and goes on with its sum.

    A level takes two round trips to memory: 4 for 2**26 elements.
    """
    t = cuda.threadIdx.x
    index, count = types.int64(cuda.blockIdx.x), types.int64(cuda.gridDim.x)
    sums = ticket = types.int64(0)  # where the sums and tickets of this level begin
    while count > 1:
        group = index // GROUP
        members = min(types.int64(GROUP), count - group * GROUP)
        last = types.int32(0)
        if t == 0:
            partials[sums + index] = value
            cuda.threadfence()
            last = types.int32(cuda.atomic.add(tickets, ticket + group, 1) == members - 1)
        if cuda.shfl_sync(ALL, last, 0) == 0:
            return
        cuda.threadfence()  # release above, acquire here: the PTX memory model requires both
        if t == 0:
            tickets[ticket + group] = 0
        first = sums + group * GROUP
        value = fold_pairs(partials, first + 2 * t, first + members)
        sums += count
        count = (count + GROUP - 1) // GROUP
        ticket, index = ticket + count, group
    if t == 0:
        total[0] = value / denominator
        if total.size > 1:
            total[1] = 1.0 / total[0]


@register_jitable
def fold_pairs(partials, start, end):
    """In the first thread of a warp, the sums of the pairs of all its threads, folded pair by pair.

    Missing sums count as 0, which changes no bit: a sum that began with 0.0 is never -0.0.
    """
    value = add(partials[start] if start < end else 0.0, partials[start + 1] if start + 1 < end else 0.0)
    offset = 1
    while offset < WARP:
        value = add(value, cuda.shfl_down_sync(ALL, value, offset))
        offset *= 2
    return value
