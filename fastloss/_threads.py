"""May this process run a parallel kernel now, and with how many threads?

Numba's threads do not survive a fork: with its GNU OpenMP layer a forked child that
launches a parallel kernel is killed, or returns with its outputs untouched. So a process
that inherited started threads runs serial kernels, which give the same bits.
"""

import os
import sys


def _started() -> bool:
    """Whether Numba's threads were started in this process or before it was forked."""
    numba = sys.modules.get("numba")
    try:
        return numba is not None and bool(numba.threading_layer())
    except (AttributeError, ValueError):  # half imported; not started yet
        return False


# Threads that were started before this import may be a parent's, which nothing here can tell.
_inherited = _started()


def _after_fork() -> None:
    global _inherited
    _inherited = _inherited or _started()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def threads() -> int:
    """The number of threads for a parallel kernel; 1 asks for the serial one.

    The first call starts Numba's threads.
    """
    if _inherited:
        return 1
    from numba import get_num_threads
    from numba.np.ufunc.parallel import threading_layer

    try:
        count: int = get_num_threads()
    except ValueError:  # the layer that the user asked for can't be loaded
        return 1
    # The workqueue layer aborts the process when two Python threads launch at once.
    return 1 if threading_layer() == "workqueue" else count
