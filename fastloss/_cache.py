"""Kernels compiled once and kept on disk, safely in any host process.

Numba's index on disk knows neither compile options nor callees, and several processes may
write one entry at a time. So every kernel goes by a name of its own, which holds a digest of
all that it is made from: then an index has one entry, and whatever wrote it wrote the same.
"""

import hashlib
import re
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import llvmlite
import numba
import numpy as np
from numba.core import config
from numba.core.compiler_lock import global_compiler_lock
from numba.core.errors import NumbaError
from numba.core.registry import cpu_target

import fastloss
from fastloss import _code, _cpu, _element, _source
from fastloss._definition import Definition
from fastloss._variant import Variant

settings: Any = config  # Numba makes its attributes at import, unseen by type checkers


def compile_kernel(loss: Definition, variant: Variant) -> Callable[..., float]:
    """Compile one kernel of a loss, or take it from the cache.

    The function returned does not check the types of its arguments.
    """
    with global_compiler_lock:  # Numba's registries can't be read by two threads at once
        kernel: Callable[..., float] | None = loss._kernels.get(variant)  # another thread's
        if kernel is None:
            kernel = loss._kernels[variant] = _compiled(loss, variant)
        return kernel


def _compiled(loss: Definition, variant: Variant) -> Callable[..., float]:
    source = _code.source_of(loss)
    name = re.sub(r"[^A-Za-z0-9_]", "_", loss.name)[:40]  # file systems allow 255 bytes in all
    if settings.DISABLE_JIT:  # the user is debugging: everything runs as plain Python
        return _plain(_cpu.make_kernel(source.function, variant, name))
    _code.make_callable(source, "cpu")
    digest = None if source.digest is None else _digest(source.digest, variant, modules=[_cpu, _element])
    if digest is not None:
        name += f"_{digest}"
    kernel = _cpu.make_kernel(source.function, variant, name)
    try:
        return _compile(kernel, _cpu.signature(variant), variant.parallel, digest is not None)
    except Exception as error:  # Numba has several kinds that share no class
        raise _code.failure(loss, error, "Numba") from None  # its own report runs over pages


def _plain(kernel: Callable[..., Any]) -> Callable[..., float]:
    """A kernel that is not compiled, with the results and the silence of one that is."""

    def run(*operands: Any) -> float:
        with np.errstate(all="ignore"):
            return float(kernel(*operands))

    return run


def compile_own(module: Any, signature: tuple[Any, ...], parallel: bool) -> Callable[..., Any]:
    """Compile a kernel without a formula, which a module of the package makes, or take it from the cache."""
    with global_compiler_lock:
        name = module.__name__.replace(".", "_")
        if settings.DISABLE_JIT:
            plain: Callable[..., Any] = module.make_kernel(name)
            return plain
        name += f"_{_digest(signature, parallel, modules=[_cpu, _element, module])}"
        return _compile(module.make_kernel(name), signature, parallel, cached=True)


def _digest(*parts: Any, modules: list[ModuleType]) -> str:
    """Sixteen digits that stand for all that a kernel is made from."""
    versions = fastloss.__version__, numba.__version__, llvmlite.__version__, np.__version__
    names = "OPT", "BOUNDSCHECK", "DEBUGINFO_DEFAULT", "LOOP_VECTORIZE", "SLP_VECTORIZE"
    switches = [getattr(settings, name) for name in names]
    processor = cpu_target.target_context.codegen().magic_tuple()
    engine = _source.digest_of_modules([*modules, _code, _source, sys.modules[__name__]])
    return hashlib.sha256(repr((versions, switches, processor, engine, parts)).encode()).hexdigest()[:16]


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
