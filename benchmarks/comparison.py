"""fastloss beside its peers and the memory's ceiling, by size: part of `benchmarks.report`."""

from typing import Any

import numpy as np

from benchmarks import peers, yardsticks
from benchmarks.figures import arrays
from benchmarks.pairs import Timings

SIZES = [*(round(10 ** (power / 2)) for power in range(6, 16)), 1 << 26]
CEILING = "g = p - t"
MIN_RUN_TIME = 0.01  # seconds: threads that one library leaves spinning slow the next for a part of it

Speeds = dict[str, Any]


def speeds(size: int, rounds: int = 9) -> Speeds:
    """fastloss's GB/s, and how many times as fast as each contender it is, in turn with it."""
    pred, target = arrays(size)
    calls: dict[str, Any] = dict(peers.contenders(pred, target, delta=1.0))
    calls[CEILING] = yardsticks.ceiling(pred, target, np.empty_like(pred))
    fastloss = calls.pop("fastloss")
    speedup = {}
    for name, call in calls.items():  # each alone with fastloss: not beside another library's threads
        timings = Timings({"fastloss": fastloss, name: call}, rounds, MIN_RUN_TIME)
        speedup[name] = timings.speed("fastloss", name)
    return {"GB/s": yardsticks.BYTES * size / timings.median("fastloss") / 1e9, "speedup": speedup}
