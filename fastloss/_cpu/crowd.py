"""Are the processors free for a launch in threads? The launch of a kernel with nothing to do tells.

It takes 2 us on free ones (GNU OpenMP). Where other processes have them, its threads wait for their turn: 15
to 40 ms were seen on two busy cores, at any size, where one thread computed 2^22 elements in 6 ms.
"""

from collections.abc import Callable
from time import perf_counter

PATIENCE = 1e-3  # seconds: a launch of the size that uses threads takes more in any case
_REST = 20  # times what the vain launch took, before there is another

_crowded_until = 0.0


def is_crowded(launch: Callable[[], object]) -> bool:
    """Whether one thread is the safer choice now; asked again after a while."""
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
