"""Locks that a forked process inherits from threads of its parent that were using Numba.

Those threads do not exist in the child, so nothing releases their locks there: Numba's compiler lock, or the
lock of a module that was being imported. The child cannot release them either, and would wait for ever. So it
raises an error where it would need such a lock.
"""

import importlib
import os
import sys
import threading
from contextlib import AbstractContextManager
from typing import Any

_OURS = {"numba", "llvmlite", "fastloss"}
_WAY_OUT = "call fastloss.warmup(...) before the fork, or start processes with spawn or forkserver"

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
    """Raise RuntimeError if a module can never be imported in this process."""
    if _half_imported and (name in _half_imported or name not in sys.modules):
        raise RuntimeError(
            f"this process was forked while another thread was importing {min(_half_imported)}, which "
            f"can never be imported here: {_WAY_OUT}"
        )


def compiler_lock() -> AbstractContextManager[None]:
    """Numba's compiler lock, as two threads must not read its registries at once.

    RuntimeError if nothing will ever release it in this process.
    """
    if _is_compiling:
        raise RuntimeError(
            "this process was forked while another thread was compiling with Numba, whose lock is "
            f"never released here: {_WAY_OUT}"
        )
    from numba.core.compiler_lock import global_compiler_lock

    lock: AbstractContextManager[None] = global_compiler_lock
    return lock
