"""fastloss beside its peers and the memory's ceiling, by size: part of `benchmarks.report`."""

from typing import Any

import numpy as np

from benchmarks import peers, yardsticks
from benchmarks.pairs import Timings

SIZES = [*(round(10 ** (power / 2)) for power in range(6, 16)), 1 << 26]
BYTES = 12  # an element: pred and target are read, the gradient written
CEILING = "g = p - t"
STRETCH = 5e-3  # seconds: threads that one library left spinning slow the next for a part of it

Speeds = dict[str, dict[str, float]]


def speeds(size: int, rounds: int = 9) -> Speeds:
    """Of each contender GB/s, and how many times as fast fastloss is: medians of rounds, in turn."""
    rng = np.random.default_rng(0)
    pred, target = 2 * rng.standard_normal(size, np.float32), rng.standard_normal(size, np.float32)
    calls: dict[str, Any] = dict(peers.contenders(pred, target, delta=1.0))
    calls[CEILING] = yardsticks.ceiling(pred, target, np.empty_like(pred))
    timings = Timings(calls, rounds, STRETCH)
    return {
        name: {
            "GB/s": BYTES * size / timings.median(name) / 1e9,
            "fastloss is faster": timings.speed("fastloss", name),
        }
        for name in calls
    }
