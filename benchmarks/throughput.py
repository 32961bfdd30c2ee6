"""asv: bytes a second of each point, and beside what the memory allows."""

import numpy as np

from benchmarks import yardsticks
from benchmarks.pairs import Timings
from benchmarks.points import Point, points, prepare
from benchmarks.yardsticks import BYTES

MIN_RUN_TIME = 2e-3  # seconds of calls in a row, so that a clock's tick does not count
FIRST_CACHE = 1000  # elements of arrays that fit it


class Throughput:
    """GB/s of the bytes that a call must move."""

    params = [str(point) for point in points()]
    param_names = ["point"]
    timeout = 300
    samples = 15

    def setup(self, point: str) -> None:
        self.work = prepare(Point(*point.split()))

    def track_speed(self, point: str) -> float:
        timings = Timings({"call": self.work.run}, self.samples, MIN_RUN_TIME)
        return self.work.size / timings.median("call") / 1e9

    track_speed.unit = "GB/s"


class Relative:
    """The speed per byte in units of a plain `g = p - t` loop's, in turn with it.

    The loop runs over as many bytes where those come from memory: then it is the ceiling. Else it
    runs over 1,000 elements, with a small call's cost, and the clock sets the pace of both. (Over as
    many bytes in the other caches, where luck with pages shows, the ratios of one commit scattered
    by 0.08 from process to process, not by 0.03.)
    """

    params = [str(point) for point in points() if point.device == "cpu"]
    param_names = ["point"]
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

    track_speed.unit = "x (g = p - t)"
