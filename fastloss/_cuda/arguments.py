"""The arguments of a kernel that differ from call to call."""

from typing import Any, NamedTuple

import numpy as np


class ArrayArgument(NamedTuple):
    """An array, `offset` bytes after the k-th address of a call."""

    k: int
    offset: int
    shape: tuple[int, ...] | None  # None for a flat array, which has the size of the call
    strides: tuple[int, ...] | None
    dtype: np.dtype[Any]


class NumberArgument(NamedTuple):
    """The k-th number of a call."""

    k: int
