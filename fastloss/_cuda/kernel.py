"""The CUDA kernel: one launch over pred and target for the loss's sum and derivatives.

A block of 128 threads folds a chunk in rows of 512 lanes, four lanes to a thread, in the order
in which the CPU's kernel adds. The last block to end folds the chunks' sums as the CPU does.
So the sums have the same bits.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types
from numba.extending import register_jitable

from fastloss._cuda.access import EIGHT_BYTES, FOUR_BYTES, cuda, each, libdevice, load, store
from fastloss._formula.element import CHUNK, LANES, element_of

DType = np.dtype[Any]

THREADS = 128
ROWS = CHUNK // LANES


def make_kernel(formula: Callable[..., Any], dtype: DType, summed: bool) -> Callable[..., Any]:
    """A kernel for one formula, as a plain function for Numba to compile.

    Operands are None, numbers, flat arrays that start on 16 bytes, whose neighbours are read and
    written in one request, or arrays of any strides. The last block writes the sum over the first
    number of `divisor` to `total`, and its reciprocal if there is room; derivatives are multiplied
    by the second. `tickets` holds 0, and 0 again in the end.
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
            fold(lanes, partials, tickets, total, divisor[0])

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
def fold(lanes, partials, tickets, total, denominator):
    """Fold a chunk's lanes; in the block that is done last, the chunks' sums."""
    t = cuda.threadIdx.x
    last = cuda.shared.array(1, types.boolean)
    cuda.syncthreads()
    half = LANES // 2
    while half > 0:
        for k in range(t, half, THREADS):
            lanes[k] = add(lanes[k], lanes[k + half])
        cuda.syncthreads()
        half //= 2
    if t == 0:
        partials[cuda.blockIdx.x] = lanes[0]
        cuda.threadfence()
        last[0] = cuda.atomic.add(tickets, 0, 1) == cuda.gridDim.x - 1
        if last[0]:  # release above, acquire here: the PTX memory model asks for both
            cuda.threadfence()
    cuda.syncthreads()
    if last[0]:
        place = fold_pairs(partials, types.int64(cuda.gridDim.x))
        if t == 0:
            total[0] = partials[place] / denominator
            if total.size > 1:
                total[1] = 1.0 / total[0]
            tickets[0] = 0


@register_jitable
def fold_pairs(partials, count):
    """Fold neighbours level by level, each to the right of the one before; tell where the result is."""
    t = cuda.threadIdx.x
    level = types.int64(0)
    while count > 1:
        following = level + count
        half = (count + 1) // 2
        for k in range(t, half, cuda.blockDim.x):  # the count unknown: not unrolled
            value = partials[level + 2 * k]
            if 2 * k + 1 < count:
                value = add(value, partials[level + 2 * k + 1])
            partials[following + k] = value
        cuda.syncthreads()
        level, count = following, half
    return level
