"""What a fork leaves of threads that were at Numba: locks that nobody will open.

A child has them as they were at that moment, and would wait for ever: for Numba's compiler lock, or for the
lock of a module whose import was under way. It cannot open them, so it raises where it would have to.
"""

import importlib
import os
import sys
import threading
from contextlib import AbstractContextManager
from typing import Any

_OURS = {"numba", "llvmlite", "fastloss"}
_WAY_OUT = "call fastloss.warmup(...) before the fork, or start processes by spawn or forkserver"

_half_imported: set[str] = set()
_is_compiling = False


def _after_fork() -> None:
    global _is_compiling
    _half_imported.clear()
    # Private: nothing public tells which modules are being imported, and by which thread.
    bootstrap: Any = getattr(importlib, "_bootstrap", None)
    for name, reference in list(getattr(bootstrap, "_module_locks", {}).items()):
        owner = getattr(reference(), "owner", None)
        if name.partition(".")[0] in _OURS and owner not in (None, threading.get_ident()):
            _half_imported.add(name)
    module: Any = sys.modules.get("numba.core.compiler_lock")
    lock: Any = getattr(getattr(module, "global_compiler_lock", None), "_lock", None)
    _is_compiling = lock is not None and not lock.acquire(blocking=False)
    if lock is not None and not _is_compiling:
        lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def check_import(name: str) -> None:
    """Raise RuntimeError if a module can never be imported here."""
    if _half_imported and (name in _half_imported or name not in sys.modules):
        raise RuntimeError(
            f"this process was forked while another thread imported {min(_half_imported)}, which can "
            f"never be imported here: {_WAY_OUT}"
        )


def compiler_lock() -> AbstractContextManager[None]:
    """Numba's lock, as its registries can't be read by two threads at once; RuntimeError if it stays shut."""
    if _is_compiling:
        raise RuntimeError(
            "this process was forked while another thread compiled by Numba, whose lock is never opened "
            f"here: {_WAY_OUT}"
        )
    from numba.core.compiler_lock import global_compiler_lock

    lock: AbstractContextManager[None] = global_compiler_lock
    return lock
