"""Timing on a noisy machine: contenders run in turn in one process and are compared round by round."""

from collections.abc import Callable, Mapping
from statistics import median
from time import perf_counter
from typing import Any

Call = Callable[[], Any]


class Timings:
    """Seconds a call of each contender, round by round. A round repeats calls for `min_run_time` seconds."""

    def __init__(self, contenders: Mapping[str, Call], rounds: int, min_run_time: float = 0.0) -> None:
        self.seconds: dict[str, list[float]] = {name: [] for name in contenders}
        repeats = {}
        for name, call in contenders.items():
            call()  # compiles, and touches every page
            repeats[name] = max(1, round(min_run_time / min(_time(call, 1) for _ in range(3))))
        for _ in range(rounds):
            for name, call in contenders.items():
                self.seconds[name].append(_time(call, repeats[name]))

    def median(self, name: str) -> float:
        """The median time of a contender in seconds."""
        return median(self.seconds[name])

    def speed(self, name: str, yardstick: str) -> float:
        """How many times as fast as the yardstick a contender is, as the median of the rounds' ratios."""
        pairs = zip(self.seconds[yardstick], self.seconds[name], strict=True)
        return median(theirs / ours for theirs, ours in pairs)


def _time(call: Call, repeat: int) -> float:
    """Seconds a call."""
    start = perf_counter()
    for _ in range(repeat):
        call()
    return (perf_counter() - start) / repeat
