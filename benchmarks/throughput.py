"""asv: bytes a second of each point, alone and relative to what the memory allows."""

import numpy as np

from benchmarks import yardsticks
from benchmarks.pairs import Timings
from benchmarks.points import Point, points, prepare
from benchmarks.yardsticks import BYTES

MIN_RUN_TIME = 2e-3  # seconds of calls in a row, so that the resolution of the clock does not matter
FIRST_CACHE = 1000  # elements of arrays that fit the first-level cache


class Throughput:
    """GB/s of the bytes that a call must read and write."""

    params = [str(point) for point in points()]
    param_names = ["point"]
    unit = "GB/s"
    timeout = 300
    samples = 15

    def setup(self, point: str) -> None:
        self.work = prepare(Point(*point.split()))

    def track_speed(self, point: str) -> float:
        timings = Timings({"call": self.work.run}, self.samples, MIN_RUN_TIME)
        return self.work.size / timings.median("call") / 1e9


class Relative:
    """The speed per byte relative to a plain loop `g = p - t`, which runs in turn with it.

    If the bytes come from memory, the loop runs over as many of them and is the ceiling. Otherwise it runs
    over 1,000 elements, with the overhead of a small call, and the processor's clock rate bounds both. (With
    loops over as many bytes in the other caches, where the placement of pages matters, the ratios of one
    commit varied by 0.08 from process to process, not by 0.03.)
    """

    params = [str(point) for point in points() if point.device == "cpu"]
    param_names = ["point"]
    unit = "x (g = p - t)"
    timeout = 300
    samples = 51

    def setup(self, point: str) -> None:
        self.work = prepare(Point(*point.split()))
        count = self.work.size // BYTES
        if count < yardsticks.THREADED:
            count = FIRST_CACHE
        self.yardstick = yardsticks.ceiling(*(np.ones(count, np.float32) for _ in range(3)))
        self.share = BYTES * count / self.work.size

    def track_speed(self, point: str) -> float:
        contenders = {"call": self.work.run, "yardstick": self.yardstick}
        timings = Timings(contenders, self.samples, MIN_RUN_TIME)
        return timings.speed("call", "yardstick") / self.share
