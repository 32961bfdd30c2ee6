"""Whether large outputs are written past the caches: both ways are tried, and the faster one is kept.

Whole cache lines written past the caches need not be read first. This is 1.1 to 1.4 times as fast on some
machines and slower on others, which the name of the processor does not tell. Both ways give the same bits.
"""

from collections import defaultdict
from math import inf
from typing import Any, Literal

from fastloss._cpu.variant import Variant

Way = Literal["put", "stream"]

# Elements of an output from which both ways are tried: more than most caches hold.
STREAMED_FROM = 1 << 22
_TRIALS = 3  # of each way, as other processes may disturb one


class Choice:
    """Which way is faster in this process, by the least time per element."""

    def __init__(self) -> None:
        self.least: dict[Way, float] = {"put": inf, "stream": inf}
        self.tried: dict[Way, int] = {"put": 0, "stream": 0}

    def way(self) -> Way:
        """The way to take now: the one tried less until both were tried often enough, then the faster one."""
        put, stream = self.tried["put"], self.tried["stream"]
        if min(put, stream) < _TRIALS:
            return "put" if put <= stream else "stream"
        return "put" if self.least["put"] <= self.least["stream"] else "stream"

    def note(self, way: Way, time: float) -> None:
        """Remember the time per element."""
        self.tried[way] += 1
        self.least[way] = min(self.least[way], time)


#: Choices by the variant of the kernel and the dtypes of pred, target and outputs: only such times compare.
choices: defaultdict[tuple[Variant, tuple[Any, ...]], Choice] = defaultdict(Choice)
