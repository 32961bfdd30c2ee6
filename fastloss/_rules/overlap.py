"""A quick check that the outputs of a call do not overlap its other arrays, once its form was checked."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastloss._rules.order import address

Array = np.ndarray[Any, Any]


class Disjoint:
    """The differences between the addresses of arrays at which they overlap.

    Parameters
    ----------
    outs, others : dict of int to ndarray
        Arrays of the form by their indices: the outputs given, and those that they must not overlap.
    itself : set of (int, int)
        The indices of outputs and of operands that they may replace in place.
    size : int
        The number of elements.
    """

    def __init__(
        self,
        outs: dict[int, Array],
        others: dict[int, Array],
        itself: set[tuple[int, int]],
        size: int,
    ) -> None:
        self.pairs: list[tuple[int, int, int, int, int, int, bool]] = []
        reaches = {k: _reach(x, size) for k, x in (outs | others).items()}
        for k in outs:
            low, high, each = reaches[k]
            for j, (other_low, other_high, other_each) in reaches.items():
                if j in others or j < k:
                    bounds = low - other_high, other_each, high - other_low, each
                    self.pairs.append((k, j, *bounds, (k, j) in itself))

    def holds(self, addresses: Sequence[int], size: int) -> bool:
        """Whether no arrays at these addresses overlap, except for outputs that replace an operand."""
        for k, j, low, each_low, high, each_high, itself in self.pairs:
            distance = addresses[j] - addresses[k]
            if low - each_low * size < distance < high + each_high * size and not (itself and distance == 0):
                return False
        return True


def _reach(x: Array, size: int) -> tuple[int, int, int]:
    """Where an array begins and ends, as ``(low, high, each)`` relative to its address.

    The end is at ``high + each * size``, as calls of one form may have plain arrays of another size.
    """
    if x.size == size and x.flags.c_contiguous:
        return 0, 0, x.itemsize
    low, high = (end - address(x) for end in np.lib.array_utils.byte_bounds(x))
    return low, high, 0
