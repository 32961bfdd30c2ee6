"""The kernel of `moments`: counts, means and squared deviations of the columns of each chunk."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import prange
from numba.extending import register_jitable

from fastloss._cpu.kernel import check
from fastloss.adaptive.operands import at, borrowed, cut

# Deviations are taken from the mean of a chunk's first elements. If this is so far from the mean of the chunk
# that the squares would lose a digit, a second pass takes them from the mean found.
_FAR = 0.9


def make_kernel(name: str) -> Callable[..., Any]:
    """The kernel, as a plain function for Numba to compile; its name must be unique on disk."""

    @register_jitable(forceinline=True)
    def deviation(pred, target, where, shift):
        apart = np.float64(abs(pred - target)) - shift
        return apart if where is None or where else 0.0

    # Two rows at a time halve the traffic between the sums and the first-level cache: 1.2 times the speed.
    @register_jitable(forceinline=True)
    def add_two(pred, target, where, shifts, sums, squares, counts):
        lanes = shifts.size
        next_pred, next_target, next_where = pred[lanes:], target[lanes:], cut(where, lanes, 2 * lanes)
        for k in range(lanes):
            one = deviation(pred[k], target[k], at(where, k), shifts[k])
            other = deviation(next_pred[k], next_target[k], at(next_where, k), shifts[k])
            sums[k] += one + other
            squares[k] += one * one + other * other
            if where is not None:
                counts[k] += np.float64(where[k]) + np.float64(next_where[k])

    @register_jitable(forceinline=True)
    def add(pred, target, where, shifts, sums, squares, counts):
        for k in range(pred.size):
            apart = deviation(pred[k], target[k], at(where, k), shifts[k])
            sums[k] += apart
            squares[k] += apart * apart
            if where is not None:
                counts[k] += np.float64(where[k])

    @register_jitable
    def add_all(pred, target, where, shifts, lanes):
        found = np.zeros((3, lanes))
        sums, squares, counts = borrowed(found[0]), borrowed(found[1]), borrowed(found[2])
        pairs = pred.size // (2 * lanes) * 2 * lanes
        for lo in range(0, pairs, 2 * lanes):
            hi = lo + 2 * lanes
            add_two(pred[lo:hi], target[lo:hi], cut(where, lo, hi), shifts, sums, squares, counts)
        for lo in range(pairs, pred.size, lanes):
            hi = min(lo + lanes, pred.size)
            add(pred[lo:hi], target[lo:hi], cut(where, lo, hi), shifts, sums, squares, counts)
        return found

    @register_jitable
    def fold(found, where, size, shifts, result):
        """Fold lanes to each column's count, mean and squared deviations; return whether these are exact."""
        columns, lanes = result.shape[1], shifts.size
        exact = True
        for column in range(columns):
            total = square = 0.0
            count = size / columns if where is None else 0.0
            for lane in range(column, lanes, columns):
                total += found[0, lane]
                square += found[1, lane]
                count += found[2, lane]
            apart = total / max(count, 1.0)
            result[0, column] = count
            result[1, column] = shifts[column] + apart
            result[2, column] = square - total * apart
            exact = exact and not total * apart > _FAR * square
        return exact

    @register_jitable
    def chunk_of(pred, target, where, lanes, result):
        shifts = np.zeros(lanes)
        first = min(lanes, pred.size)
        found = add_all(pred[:first], target[:first], cut(where, 0, first), shifts, lanes)
        fold(found, where, first, shifts, result)
        for _ in range(2):
            for lane in range(lanes):
                shifts[lane] = result[1, lane % result.shape[1]]
            found = add_all(pred, target, where, shifts, lanes)
            if fold(found, where, pred.size, shifts, result):
                break

    def kernel(pred, target, where, lanes, chunk, found):
        pred, target, where, found = borrowed(pred), borrowed(target), borrowed(where), borrowed(found)
        ended = np.zeros(found.shape[0], np.bool_)
        for c in prange(found.shape[0]):
            lo = c * chunk
            hi = min(lo + chunk, pred.size)
            chunk_of(pred[lo:hi], target[lo:hi], cut(where, lo, hi), lanes, found[c])
            ended[c] = True
        check(ended)

    for part in (deviation, add_two, add, add_all, fold, chunk_of):
        part.__qualname__ = f"{name}.{part.__name__}"
    kernel.__name__ = kernel.__qualname__ = name
    return kernel
