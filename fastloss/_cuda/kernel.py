"""The CUDA kernel: one launch over pred and target for the loss's sum and derivatives.

A warp, which is a block, owns a chunk; a thread keeps four lanes of the sum in registers. The last
block of 64 to end folds their sums, the last of 64 such groups theirs, and so on. All is added in
the order in which the CPU's kernel adds, so the sums have the same bits.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types
from numba.extending import register_jitable

from fastloss._cuda.access import EIGHT_BYTES, FOUR_BYTES, cuda, each, libdevice, load, store
from fastloss._formula.element import element_of
from fastloss._formula.sum import CHUNK, LANES

DType = np.dtype[Any]

# A block: where a chunk begins is then one number for all of its threads, which saves 8 registers on sm_75.
THREADS = 32
ROWS = CHUNK // LANES
ALL = 0xFFFFFFFF  # threads of a warp
GROUP = 2 * THREADS  # sums that a block folds at once


def make_kernel(formula: Callable[..., Any], dtype: DType, summed: bool) -> Callable[..., Any]:
    """A kernel for one formula, as a plain function for Numba to compile.

    Operands are None, numbers, flat arrays that start on 16 bytes, whose neighbours are read and
    written in one request, or arrays of any strides. The last block writes the sum over the first
    number of `divisor` to `total`, and its reciprocal if there is room; derivatives are multiplied
    by the second. `tickets` holds a 0 for each group of sums, and again in the end.
    """
    element = element_of(formula, dtype.type)
    lane, fetch, put = EIGHT_BYTES if dtype.itemsize == 8 else FOUR_BYTES

    def kernel(
        size,
        pred,
        target,
        weight,
        where,
        params,
        divisor,
        loss_out,
        grad_out,
        hess_out,
        total,
        partials,
        tickets,
    ):
        lanes = cuda.shared.array(LANES, types.float64)
        t = types.int64(cuda.threadIdx.x)
        start = types.int64(cuda.blockIdx.x) * CHUNK
        rows = types.int32(min(types.int64(ROWS), (size - start) // LANES))
        row = types.int32(0)
        scale = divisor[1]
        a0 = a1 = a2 = a3 = 0.0
        while row < rows:
            cuda.syncwarp()  # with next_row, keeps NVVM from unrolling: 38 registers on sm_75, not 54
            lo = start + row * types.int64(LANES)
            p, q, w, m = fetch(pred, lo, t), fetch(target, lo, t), fetch(weight, lo, t), fetch(where, lo, t)
            c = fetch(params, lo, t)
            v0, g0, h0 = element(p[0], q[0], w[0], m[0], each(c, 0), scale)
            v1, g1, h1 = element(p[1], q[1], w[1], m[1], each(c, 1), scale)
            v2, g2, h2 = element(p[2], q[2], w[2], m[2], each(c, 2), scale)
            v3, g3, h3 = element(p[3], q[3], w[3], m[3], each(c, 3), scale)
            if summed:
                a0, a1, a2, a3 = add(a0, v0), add(a1, v1), add(a2, v2), add(a3, v3)
            put(loss_out, lo, t, (v0, v1, v2, v3))
            put(grad_out, lo, t, (g0, g1, g2, g3))
            put(hess_out, lo, t, (h0, h1, h2, h3))
            row = next_row(row)
        if summed:
            lanes[lane(t, 0)], lanes[lane(t, 1)], lanes[lane(t, 2)], lanes[lane(t, 3)] = a0, a1, a2, a3
        rest = start + row * types.int64(LANES)
        if row < ROWS:
            for j in range(4):
                i = rest + lane(t, j)
                if i < size:
                    c = load(params, i)
                    v, g, h = element(
                        load(pred, i), load(target, i), load(weight, i), load(where, i), c, scale
                    )
                    if summed:
                        lanes[lane(t, j)] = add(lanes[lane(t, j)], v)
                    store(loss_out, i, v)
                    store(grad_out, i, g)
                    store(hess_out, i, h)
        if summed:
            fold_lanes(lanes, t)
            fold(lanes[0], partials, tickets, total, divisor[0])

    return kernel


@register_jitable
def next_row(row):
    """The row after this one, by a step that the compiler cannot know."""
    return row + types.int32(cuda.blockDim.x) // types.int32(THREADS)


@register_jitable
def add(total, value):
    """Add in float64; an ordinary sum may be contracted with a product, which the CPU rounds."""
    return libdevice.dadd_rn(total, types.float64(value))


@register_jitable
def fold_lanes(lanes, t):
    """Fold a chunk's lanes in halves, to the first."""
    cuda.syncwarp()
    half = LANES // 2
    while half > 0:
        for k in range(t, half, THREADS):
            lanes[k] = add(lanes[k], lanes[k + half])
        cuda.syncwarp()
        half //= 2


@register_jitable
def fold(value, partials, tickets, total, denominator):
    """Note the sum of a chunk. If this block is the last of its group, fold them, and go on with their sum.

    A level takes two rounds that wait for the memory: 4 for 2**26 elements.
    """
    t = cuda.threadIdx.x
    index, count = types.int64(cuda.blockIdx.x), types.int64(cuda.gridDim.x)
    sums = ticket = types.int64(0)  # where those of this level begin
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
        cuda.threadfence()  # release above, acquire here: the PTX memory model asks for both
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
def fold_pairs(partials, at, end):
    """In the first thread of a block, the sums of all of its threads' pairs, folded pair by pair.

    What is missing counts as 0, which changes no bit: a sum that began with 0.0 is never -0.0.
    """
    value = add(partials[at] if at < end else 0.0, partials[at + 1] if at + 1 < end else 0.0)
    offset = 1
    while offset < THREADS:
        value = add(value, cuda.shfl_down_sync(ALL, value, offset))
        offset *= 2
    return value
