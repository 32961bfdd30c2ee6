"""The kernel that adds a block's losses to the sums of their groups."""

from collections.abc import Callable
from typing import Any

import numpy as np

from fastloss._cpu.kernel import fold_lanes
from fastloss._formula.sum import BAND, BANDS, CHUNK, LANES


def make_kernel(name: str) -> Callable[..., Any]:
    """The kernel, as a plain function for Numba to compile; no other on disk may have its name.

    `lanes` are those of each group's last chunk, which is not full, by band, group and lane. `rows` counts
    what each group has had. `subtrees` has at k the sum of a group's 2**k full chunks, where the number of
    its full chunks has that bit. The result tells whether a loss is NaN.
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
