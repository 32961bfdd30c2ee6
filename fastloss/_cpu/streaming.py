"""Are large outputs written faster past the caches? Each way is tried a few times, and the faster one kept.

Whole lines written past the caches need not be read first: 1.1 to 1.4 x the speed on some machines, less
than 1 on others, and no processor's name tells. Both ways give the same bits.
"""

from collections import defaultdict
from math import inf
from typing import Any, Literal

from fastloss._cpu.variant import Variant

Way = Literal["put", "stream"]

# Elements of an output from which it is asked: far more than caches hold.
STREAMED_FROM = 1 << 22
_TRIALS = 3  # of each way: other processes may disturb one


class Choice:
    """Which way is faster in this process, by the least time of an element."""

    def __init__(self) -> None:
        self.least: dict[Way, float] = {"put": inf, "stream": inf}
        self.tried: dict[Way, int] = {"put": 0, "stream": 0}

    def way(self) -> Way:
        """The way to go now: the one tried less, until both were tried often enough."""
        put, stream = self.tried["put"], self.tried["stream"]
        if min(put, stream) < _TRIALS:
            return "put" if put <= stream else "stream"
        return "put" if self.least["put"] <= self.least["stream"] else "stream"

    def note(self, way: Way, time: float) -> None:
        """Remember how long an element took."""
        self.tried[way] += 1
        self.least[way] = min(self.least[way], time)


#: By the variant of the kernel and the types of pred, target and the outputs: times of others do not compare.
choices: defaultdict[tuple[Variant, tuple[Any, ...]], Choice] = defaultdict(Choice)
