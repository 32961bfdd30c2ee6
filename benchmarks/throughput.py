"""asv: bytes a second of each point, and as a fraction of the memory's own speed."""

import numpy as np

from benchmarks import yardsticks
from benchmarks.pairs import Timings
from benchmarks.points import Point, points, prepare

STRETCH = 2e-3  # seconds of calls in a row, so that a clock's tick does not count


class Throughput:
    """GB/s of the bytes that a call must move."""

    params = [str(point) for point in points()]  # noqa: RUF012 (asv reads it so)
    param_names = ["point"]  # noqa: RUF012
    timeout = 300
    pairs = 15

    def setup(self, point: str) -> None:
        self.work = prepare(Point(*point.split()))

    def track_speed(self, point: str) -> float:
        timings = Timings({"call": self.work.run}, self.pairs, STRETCH)
        return self.work.size / timings.median("call") / 1e9

    track_speed.unit = "GB/s"  # type: ignore[attr-defined]


class Ceiling:
    """The speed per byte as a fraction of a plain `g = p - t` loop over as many bytes, in turn with it."""

    params = [str(point) for point in points() if point.device == "cpu"]  # noqa: RUF012
    param_names = ["point"]  # noqa: RUF012
    timeout = 300
    pairs = 51

    def setup(self, point: str) -> None:
        self.work = prepare(Point(*point.split()))
        count = max(1, self.work.size // 12)
        self.yardstick = yardsticks.ceiling(*(np.ones(count, np.float32) for _ in range(3)))
        self.share = 12 * count / self.work.size

    def track_fraction(self, point: str) -> float:
        contenders = {"call": self.work.run, "yardstick": self.yardstick}
        timings = Timings(contenders, self.pairs, STRETCH)
        return timings.speed("call", "yardstick") / self.share

    track_fraction.unit = "fraction of the ceiling"  # type: ignore[attr-defined]
