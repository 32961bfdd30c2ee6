"""The speed of memory, which bounds every kernel."""

from typing import Any

import numpy as np
from numba import njit, prange

from benchmarks.pairs import Call

Array = np.ndarray[Any, Any]

# Elements from which fastloss uses threads. It is not taken from `fastloss._cpu.launch.PARALLEL_FROM`, which
# commits that asv measures may lack, and which must not change the yardstick.
THREADED = 1 << 22
BYTES = 12  # per element: two float32 are read, one is written


def _subtract(pred: Array, target: Array, out: Array) -> None:
    """The ceiling for a gradient: read two arrays, write one, and compute next to nothing."""
    for i in prange(pred.size):
        out[i] = pred[i] - target[i]


def _total(pred: Array, target: Array) -> float:
    """The ceiling for a value: a float64 sum of two arrays, which only fastmath vectorises."""
    result = 0.0
    for i in prange(pred.size):
        result += pred[i] + target[i]
    return result


subtract = njit(parallel=True, error_model="numpy")(_subtract)
total = njit(parallel=True, error_model="numpy", fastmath=True)(_total)
# For one thread, and arrays in a cache.
subtract_alone = njit(error_model="numpy")(_subtract)
total_alone = njit(error_model="numpy", fastmath=True)(_total)


def ceiling(pred: Array, target: Array, out: Array) -> Call:
    """A call of `subtract`, or of `np.subtract` where fastloss uses one thread too."""
    loop: Any = subtract if pred.size >= THREADED else np.subtract
    return lambda: loop(pred, target, out)
