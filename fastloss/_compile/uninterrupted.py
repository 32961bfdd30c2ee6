"""Work that must not be interrupted: it runs in a thread that signal handlers do not reach.

Python runs signal handlers only in the main thread. There, Ctrl-C left a module half imported, which no later
import repairs, or made LLVM free memory twice, which ends the process.
"""

import sys
import threading
from collections.abc import Callable
from importlib import import_module
from typing import TypeVar

from fastloss._compile import forked

Result = TypeVar("Result")


def run(work: Callable[..., Result], *arguments: object) -> Result:
    """Do work in another thread if this is the main one.

    An exception from a signal handler ends the wait but not the work: a later call finds it done.
    """
    if threading.current_thread() is not threading.main_thread() or _is_compiling():
        return work(*arguments)
    from concurrent.futures import Future

    done: Future[Result] = Future()

    def finish() -> None:
        try:
            done.set_result(work(*arguments))
        except BaseException as error:
            done.set_exception(error)

    try:
        threading.Thread(target=finish, name="fastloss").start()
    except RuntimeError:  # the process is ending, or may start no more threads
        return work(*arguments)
    return done.result()


def _is_compiling() -> bool:
    """Whether this thread holds Numba's compiler lock, for which another thread would wait."""
    module = sys.modules.get("numba.core.compiler_lock")
    lock = getattr(module, "global_compiler_lock", None)
    return lock is not None and bool(lock.is_locked())


def load(name: str) -> None:
    """Import a module that needs Numba's compiler; RuntimeError if it can never be imported here."""
    forked.check_import(name)
    if name not in sys.modules:
        run(import_module, name)
