"""Kernels compiled once and kept on disk, safely in any host process.

Numba's index on disk knows neither compile options nor callees, and several processes may
write one entry at a time. So every kernel goes by a name of its own, which holds a digest of
all that it is made from: then an index has one entry, and whatever wrote it wrote the same.
"""

import hashlib
import re
import sys
from collections.abc import Callable
from functools import cache
from types import FunctionType
from typing import TYPE_CHECKING, Any

import llvmlite
import numba
import numpy as np
from numba.core import config
from numba.core.compiler_lock import global_compiler_lock
from numba.core.errors import NumbaError
from numba.core.registry import cpu_target
from numba.extending import overload

import fastloss
from fastloss import _cpu, _element
from fastloss._source import Source, digest_of_files

if TYPE_CHECKING:
    from fastloss._launch import Variant
    from fastloss._loss import Loss

settings: Any = config  # Numba makes its attributes at import, unseen by type checkers


@cache
def _engine_digest() -> str | None:
    """What every kernel depends on besides its formula; None if that can't be known."""
    versions = (fastloss.__version__, numba.__version__, llvmlite.__version__, np.__version__)
    switches = (settings.OPT, settings.BOUNDSCHECK, settings.DEBUGINFO_DEFAULT)
    processor = cpu_target.target_context.codegen().magic_tuple()
    try:
        return repr((versions, switches, processor, digest_of_files([_cpu, _element, sys.modules[__name__]])))
    except OSError:  # an archive or a frozen program has no such file
        return None


@cache
def _callable_from_kernels(function: FunctionType) -> bool:
    """Let compiled code call a plain function; tell whether its own code will run there."""
    context = cpu_target.typing_context
    context.refresh()
    try:
        context.resolve_value_type(function)
    except ValueError:  # unknown to Numba so far
        twin = _under_a_name_of_its_own(function)
        overload(function, strict=False)(lambda *args, **kwargs: twin)
        return True
    return False  # an overload's implementation can be anywhere


def _under_a_name_of_its_own(function: FunctionType) -> FunctionType:
    """A copy of a function by whose name no other code goes, in this process or another.

    Numba tells functions of one name apart by numbers that start anew in every process, and a
    kernel on disk keeps those that it was compiled with. Of two such kernels in one process the
    linker would give one the other's function: seen with closures, as silently wrong results.
    """
    code, defaults, closure = function.__code__, function.__defaults__, function.__closure__
    twin = FunctionType(code, function.__globals__, function.__name__, defaults, closure)
    twin.__kwdefaults__ = function.__kwdefaults__
    twin.__qualname__ = f"{function.__qualname__}_{Source(function).digest or 'not_kept'}"
    return twin


def compile_kernel(loss: "Loss", variant: "Variant") -> Callable[..., float]:
    """Compile one kernel of a loss, or take it from the cache.

    The function returned does not check the types of its arguments.
    """
    with global_compiler_lock:  # Numba's registries can't be read by two threads at once
        kernel: Callable[..., float] | None = loss._kernels.get(variant)  # another thread's
        if kernel is None:
            kernel = loss._kernels[variant] = _compiled(loss, variant)
        return kernel


def _compiled(loss: "Loss", variant: "Variant") -> Callable[..., float]:
    name = re.sub(r"[^A-Za-z0-9_]", "_", loss.name)[:40]  # file systems allow 255 bytes in all
    digest = None if settings.DISABLE_JIT else _digest(loss, variant)
    if digest is not None:
        name += f"_{digest}"
    kernel = _cpu.make_kernel(loss.formula, variant, name)
    if settings.DISABLE_JIT:  # the user is debugging: everything runs as plain Python
        return kernel
    try:
        return _compile(kernel, _cpu.signature(variant), variant.parallel, digest is not None)
    except Exception as error:  # Numba has several kinds that share no class
        raise TypeError(explanation(loss, error)) from None  # its own report runs over pages


def compile_own(module: Any, signature: tuple[Any, ...], parallel: bool) -> Callable[..., Any]:
    """Compile a kernel without a formula, which a module of the package makes, or take it from the cache."""
    with global_compiler_lock:
        engine, name = _engine_digest(), module.__name__.replace(".", "_")
        if settings.DISABLE_JIT:
            plain: Callable[..., Any] = module.make_kernel(name)
            return plain
        if engine is not None:
            parts = engine, digest_of_files([module]), signature, parallel
            name += f"_{hashlib.sha256(repr(parts).encode()).hexdigest()[:16]}"
        return _compile(module.make_kernel(name), signature, parallel, engine is not None)


def make_callable(loss: "Loss") -> None:
    """Let the kernels of any processor call a loss's formula and what that calls."""
    with global_compiler_lock:
        for function in Source(loss.formula).functions:
            _callable_from_kernels(function)


def _digest(loss: "Loss", variant: "Variant") -> str | None:
    """Sixteen digits that stand for all a kernel is made from; None if it can't be kept."""
    source = Source(loss.formula)
    plain = [_callable_from_kernels(function) for function in source.functions]
    engine = _engine_digest()
    if source.digest is None or engine is None or not all(plain):
        return None
    parts = (engine, source.digest, variant)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _compile(
    kernel: Callable[..., Any], signature: tuple[Any, ...], parallel: bool, cached: bool
) -> Callable[..., Any]:
    options: dict[str, Any] = {"parallel": parallel, "nogil": True, "error_model": "numpy"}
    if cached:
        for attempt in ("as it is", "repaired"):
            dispatcher: Any = None
            try:
                dispatcher = numba.njit(**options, cache=True)(kernel)
                if attempt == "repaired":
                    dispatcher._cache.flush()
                dispatcher.compile(signature)
                return _entry_point(dispatcher)
            except NumbaError:
                raise
            except Exception:  # a damaged entry raises anything from OSError to UnpicklingError
                if dispatcher is not None and dispatcher.overloads:  # compiled, but not saved
                    return _entry_point(dispatcher)
    dispatcher = numba.njit(**options)(kernel)
    dispatcher.compile(signature)
    return _entry_point(dispatcher)


def _entry_point(dispatcher: Any) -> Callable[..., float]:
    """The compiled function without the dispatcher, whose look at types costs 0.4 us a call."""
    dispatcher.disable_compile()
    (result,) = dispatcher.overloads.values()
    entry_point: Callable[..., float] = result.entry_point
    return entry_point


def explanation(loss: "Loss", error: Exception, compiler: str = "Numba") -> str:
    """What is wrong with a formula, in a line."""
    code = loss.formula.__code__
    where = f"loss {loss.name} ({code.co_filename}, line {code.co_firstlineno})"
    try:
        results = loss.formula(1.0, 0.5, *(domain.default or 0.5 for domain in loss.domains.values()))
    except Exception as problem:
        return f"{where} cannot be compiled; as plain Python it raises {type(problem).__name__}: {problem}"
    if not isinstance(results, tuple) or len(results) != 3:
        return f"{where} must return (value, gradient, second derivative), it returns {results!r}"
    try:  # alone, for a report without the kernel around it
        numba.njit(loss.formula).compile((numba.float64,) * (2 + len(loss.domains)))
    except Exception as alone:
        error = alone
    lines = [
        line.strip() for line in str(error).splitlines() if not line.startswith(("Failed in", "During:"))
    ]
    reason = next(filter(None, lines), "")
    place = next((line for line in lines if line.startswith("File ")), "")
    return f"{where} cannot be compiled by {compiler}: {reason} {place}".rstrip(" :")
