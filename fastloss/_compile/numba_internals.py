"""The private parts of Numba that fastloss uses to compile kernels, with fallbacks where these change.

What kernels need of Numba's code generator is in `fastloss._cpu.intrinsics`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import llvmlite.binding
import numba
from numba.core.registry import cpu_target


def entry_point(dispatcher: Any) -> Callable[..., Any]:
    """A compiled function without its dispatcher, whose check of types costs 0.4 us a call."""
    try:
        (result,) = dispatcher.overloads.values()
        found: Callable[..., Any] = result.entry_point
    except (AttributeError, ValueError):
        found = dispatcher
    return found


def address(dispatcher: Any, signature: tuple[Any, ...]) -> int:
    """The address of a compiled function with C's calling convention."""
    try:
        (result,) = dispatcher.overloads.values()
        return int(result.library.get_pointer_to_function(result.fndesc.llvm_cfunc_wrapper_name))
    except (AttributeError, ValueError):
        called: Any = numba.cfunc(numba.void(*signature), error_model="numpy")(dispatcher.py_func)
        _kept.append(called)
        return int(called.address)


_kept: list[Any] = []  # keeps the C functions alive


def kept_files(dispatcher: Any) -> tuple[Path, list[str]]:
    """The folder where Numba caches a function, and the names of its files there."""
    folder = Path(dispatcher.stats.cache_path)  # which may not exist yet
    return folder, [path.name for path in folder.glob(f"*.{dispatcher.py_func.__qualname__}-*.nb[ic]")]


def forget_kept(dispatcher: Any) -> None:
    """Empty a function's cache entry, which may be damaged. If this fails, callers compile without it."""
    dispatcher._cache.flush()


def processor() -> tuple[Any, ...]:
    """The processor that code is compiled for, and its features."""
    try:
        return tuple(cpu_target.target_context.codegen().magic_tuple())
    except AttributeError:
        llvm = llvmlite.binding
        return llvm.get_process_triple(), llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
