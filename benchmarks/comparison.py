"""fastloss against its peers and the speed of memory, by size: part of `benchmarks.report`."""

from itertools import chain
from typing import TypedDict

import numpy as np

from benchmarks import peers, yardsticks
from benchmarks.operands import arrays
from benchmarks.pairs import Timings

SIZES = {10**3: "10^3", 10**4: "10^4", 10**5: "10^5", 10**6: "10^6", 1 << 26: "2^26"}
ROUNDS = 25
LARGE, LARGE_ROUNDS = 1 << 24, 9  # elements from which a call of a peer may take seconds
CEILING = "g = p - t"
MIN_RUN_TIME = 0.01  # seconds; threads that one library leaves spinning slow the next for part of it

Speeds = TypedDict("Speeds", {"GB/s": float, "speedup": dict[str, float]})


def speeds(size: int) -> Speeds:
    """The GB/s of fastloss, and how many times as fast as each contender it is, measured in turn."""
    pred, target = arrays(size)
    speedup, rounds = {}, LARGE_ROUNDS if size >= LARGE else ROUNDS
    contenders = peers.contenders(pred, target, delta=1.0)
    _, fastloss = next(contenders)
    ceiling = CEILING, yardsticks.ceiling(pred, target, np.empty_like(pred))
    for name, call in chain(contenders, [ceiling]):  # each alone with fastloss, without threads of others
        timings = Timings({"fastloss": fastloss, name: call}, rounds, MIN_RUN_TIME)
        speedup[name] = timings.speed("fastloss", name)
        del call  # frees its memory
    return {"GB/s": yardsticks.BYTES * size / timings.median("fastloss") / 1e9, "speedup": speedup}
