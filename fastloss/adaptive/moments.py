"""Mean and variance of the absolute error in every column, in one pass over pred and target.

The order of the sums is the same for any number of threads and any layout. A chunk sums the deviations from
the mean of its first elements, and their squares; chunks are merged pairwise (Chan, Golub and LeVeque, 1979,
"Updating formulae and a pairwise algorithm for computing sample variances"). So a spread of 1 around 1e8
keeps its digits, which plain sums of squared errors would lose.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import types
from numba.np.numpy_support import from_dtype

from fastloss._compile import store
from fastloss._cpu import movers
from fastloss._cpu.launch import threads_for
from fastloss._cpu.layouts import is_plain
from fastloss.adaptive import moments_kernel

Array = np.ndarray[Any, Any]
DType = np.dtype[Any]

# The least number of lanes. It is rounded up to a multiple of the columns, so that each lane belongs to one
# column. With 64, large inputs are read at the speed of the memory, with 128 at half of it: the sums of
# longer rows seem to hinder prefetching.
_LANES = 64
# Elements in a block of operands that have to be copied: the copies stay in the caches.
_COPIED = 1 << 18
_ROWS = 16  # of lanes in a chunk, at least: the sums stay small beside a wide input


def moments(pred: Array, target: Array, where: Array | None, dtype: DType) -> tuple[Array, Array]:
    """The mean and the unbiased variance of the absolute error in each column; NaN where too few are kept.

    The arrays have one shape, whose last axis is the columns.
    """
    columns = pred.shape[-1]
    lanes = columns * -(-_LANES // columns)
    chunk = lanes * max(_ROWS, 65536 // lanes)
    found: list[Array] = []

    kinds = dtype, dtype, np.dtype(bool)
    ready = all(x is None or is_plain(x, kind) for x, kind in zip((pred, target, where), kinds, strict=True))
    step = pred.size if ready else chunk * max(1, _COPIED // chunk)
    for lo in range(0, pred.size, step or 1):
        hi = min(lo + step, pred.size)
        part = [
            x if x is None else x.reshape(-1) if ready else movers.copied(x, lo, hi, kind)
            for x, kind in zip((pred, target, where), kinds, strict=True)
        ]
        sums = np.empty((-(-(hi - lo) // chunk), 3, columns))
        parallel = threads_for(hi - lo) > 1
        _kernel(dtype, where is not None, parallel)(*part, lanes, chunk, sums)
        found.append(sums)
    count, mean, squares = _merged(np.concatenate(found) if found else np.zeros((0, 3, columns)))
    with np.errstate(all="ignore"):
        return np.where(count > 0, mean, np.nan), squares / np.where(count > 1, count - 1, np.nan)


def _merged(sums: Array) -> Array:
    """Merge the counts, means and squared deviations of all chunks, neighbours first."""
    if not len(sums):
        return np.zeros(sums.shape[1:])
    with np.errstate(all="ignore"):
        while len(sums) > 1:
            one, other = sums[0 : len(sums) - 1 : 2], sums[1::2]
            (n, mean, squares), (m, other_mean, other_squares) = (x.transpose(1, 0, 2) for x in (one, other))
            both = np.maximum(n + m, 1)
            apart = other_mean - mean
            merged = np.stack(
                [n + m, mean + apart * (m / both), squares + other_squares + apart * apart * (n * m / both)],
                1,
            )
            sums = np.concatenate([merged, sums[-1:]]) if len(sums) % 2 else merged
    result: Array = sums[0]
    return result


@cache
def _kernel(dtype: DType, masked: bool, parallel: bool) -> Callable[..., None]:
    """One of the kernels, compiled or from disk."""
    errors = types.Array(from_dtype(dtype), 1, "C", readonly=True)
    where = types.Array(types.boolean, 1, "C", readonly=True) if masked else types.none
    sums = types.Array(types.float64, 3, "C")
    signature = errors, errors, where, types.int64, types.int64, sums
    return store.compile_own(moments_kernel, signature, parallel=parallel)
