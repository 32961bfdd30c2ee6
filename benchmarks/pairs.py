"""Timing on a noisy machine: contenders in turn in one process, compared round by round."""

from collections.abc import Callable, Mapping
from statistics import median
from time import perf_counter
from typing import Any


class Timings:
    """Seconds of each contender, round by round."""

    def __init__(self, contenders: Mapping[str, Callable[[], Any]], rounds: int, repeat: int = 1) -> None:
        self.seconds: dict[str, list[float]] = {name: [] for name in contenders}
        for call in contenders.values():  # compiles, and touches every page
            call()
        for _ in range(rounds):
            for name, call in contenders.items():
                start = perf_counter()
                for _ in range(repeat):
                    call()
                self.seconds[name].append((perf_counter() - start) / repeat)

    def median(self, name: str) -> float:
        """The median time of a contender in seconds."""
        return median(self.seconds[name])

    def speed(self, name: str, yardstick: str) -> float:
        """How many times as fast as the yardstick: the median of the rounds' ratios."""
        pairs = zip(self.seconds[yardstick], self.seconds[name], strict=True)
        return median(theirs / ours for theirs, ours in pairs)
