"""Whether this process may run a parallel kernel now, and with how many threads.

Threads do not survive a fork: with the GNU OpenMP layer, a forked child that launches a parallel kernel is
killed, hangs, or returns with its outputs untouched. So a forked process runs serial kernels, which give the
same bits.
"""

import ctypes
import os
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

from fastloss._compile import uninterrupted


def _layer() -> str | None:
    """The name of the threading layer whose threads Numba started, here or before a fork."""
    numba = sys.modules.get("numba")
    try:
        return str(numba.threading_layer()) if numba else None
    except (AttributeError, ValueError):  # Numba is half imported; it has started none
        return None


_unsafe: str | None = None  # why, if this process must not start a parallel kernel
if _layer() is not None:  # perhaps in a parent, which cannot be told from here
    _unsafe = "Numba's threads were started before fastloss was imported"


def _after_fork() -> None:
    # Also if Numba had started no threads: OpenMP threads of another library, which cannot be detected here,
    # make a child's first parallel launch hang just as well (seen with GNU OpenMP).
    global _unsafe
    _unsafe = "this process was forked from one that had imported fastloss"


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def serial_reason() -> str | None:
    """Why large calls must use the serial kernel, or None if they need not.

    The first call starts Numba's threads.
    """
    if _unsafe is not None:
        return _unsafe
    uninterrupted.load("numba")
    from numba import get_num_threads

    try:
        count = get_num_threads()
    except ValueError as error:  # the layer that the user asked for cannot be loaded
        return " ".join(str(error).split())
    if count == 1:
        return "Numba was given one thread"
    # This layer aborts the process when two Python threads launch at once, even another library's.
    layer = _layer()
    if layer == "workqueue":
        return "the layer workqueue is not safe to launch from two Python threads"
    if layer == "omp" and _is_openmp_limited():
        return "OpenMP was given one thread"
    return None


def _is_openmp_limited() -> bool:
    """Whether OpenMP is limited to one thread, which Numba's launches ignore."""
    if os.environ.get("OMP_NUM_THREADS") == "1" and "NUMBA_NUM_THREADS" not in os.environ:
        return True
    return _openmp_threads()() == 1


@cache
def _openmp_threads() -> Callable[[], int]:
    """A function that returns how many OpenMP threads this thread may use, as set by threadpoolctl."""
    library: Any = sys.modules["numba.np.ufunc.omppool"]
    try:
        limit: Callable[[], int] = ctypes.CDLL(library.__file__).omp_get_max_threads
    except (OSError, AttributeError):  # Windows finds no functions in libraries that a library links to
        return lambda: 0
    return limit


def threads() -> int:
    """The number of threads for a parallel kernel; 1 asks for the serial one."""
    if serial_reason() is not None:
        return 1
    from numba import get_num_threads

    return int(get_num_threads())
