"""Whether processors are free for several threads, found out by launching a kernel with nothing to do.

Such a launch takes 2 us on free processors (GNU OpenMP). On busy ones its threads wait for their turn: 15 to
40 ms were seen on two busy cores, at any size, where one thread computed 2^22 elements in 6 ms.
"""

from collections.abc import Callable
from time import perf_counter

PATIENCE = 1e-3  # seconds; any launch that is large enough for threads takes longer
_REST = 20  # the pause before the next attempt, in units of the time that the failed one took

_crowded_until = 0.0


def is_crowded(launch: Callable[[], object]) -> bool:
    """Whether one thread is the safer choice now; if so, the answer stays the same for a while."""
    global _crowded_until
    begun = perf_counter()
    if begun < _crowded_until:
        return True
    launch()
    ended = perf_counter()
    if ended - begun <= PATIENCE:
        return False
    _crowded_until = ended + _REST * (ended - begun)
    return True
