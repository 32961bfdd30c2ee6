"""The kernel that adds a block's losses to the sums of their groups."""

from collections.abc import Callable
from typing import Any

import numpy as np

from fastloss._cpu.kernel import fold_lanes
from fastloss._formula.sum import BAND, BANDS, CHUNK, LANES


def make_kernel(name: str) -> Callable[..., Any]:
    """The kernel, as a plain function for Numba to compile; no other on disk may have its name.

    `lanes`, with axes for band, group and lane, are those of each group's last chunk, which is not full.
    `rows` counts the rows of each group so far. ``subtrees[group, k]`` is the sum of 2**k full chunks of a
    group, where the number of its full chunks has bit k. The kernel returns whether a loss is NaN.
    """

    def kernel(losses, codes, lanes, rows, subtrees):
        bad, whole = False, np.empty(BANDS * LANES)
        for i in range(losses.size):
            group, loss = codes[i], np.float64(losses[i])
            bad |= loss != loss
            row = rows[group]
            place = row % CHUNK
            lanes[place // BAND, group, place % LANES] += loss
            rows[group] = row + 1
            if place == CHUNK - 1:
                for k in range(BANDS * LANES):
                    whole[k] = lanes[k // LANES, group, k % LANES]
                    lanes[k // LANES, group, k % LANES] = 0.0
                total, level, chunks = fold_lanes(whole), 0, (row + 1) // CHUNK
                while chunks % 2 == 0:
                    total = subtrees[group, level] + total
                    level += 1
                    chunks //= 2
                subtrees[group, level] = total
        return bad

    kernel.__name__ = kernel.__qualname__ = name
    return kernel
