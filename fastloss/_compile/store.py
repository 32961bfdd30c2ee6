"""Kernels that are compiled once and kept on disk, safely in any host process.

Numba's index on disk takes neither compile options nor callees into account, and several processes may write
an entry at the same time. So every kernel has a name of its own, which contains a digest of all that it is
made from. An index then has one entry, and every process that writes it writes the same.
"""

import hashlib
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import llvmlite
import numba
import numpy as np
from numba.core import config
from numba.core.errors import NumbaError

import fastloss
from fastloss._compile import checksum, elementary, forked, numba_internals, permissions, uninterrupted
from fastloss._compile import code as _code
from fastloss._compile import source as _source
from fastloss._definition.definition import Definition
from fastloss._math import primitives

_ROOM = 1 << 26  # bytes; three kernels, compiled one after the other, took 18 MiB

settings: Any = config  # Numba makes its attributes at import, unseen by type checkers


def compile_for(loss: Definition, variant: Any, module: Any) -> Any:
    """Compile what a module of the package makes of a loss's formula, or take it from the cache.

    Returns
    -------
    Numba's dispatcher, which keeps the compiled code alive.
    """
    source, function = _code.source_of(loss), _code.function_of(loss)
    name = re.sub(r"[^A-Za-z0-9_]", "_", loss.name)[:40]  # file systems allow 255 bytes in all
    _code.make_callable(source, "cpu")
    digest = (
        None
        if source.digest is None
        else _digest(source.digest, sorted(loss.operands.items()), loss.irls, variant, module=module)
    )
    if digest is not None:
        name += f"_{digest}"
    made = module.make_kernel(function, variant, name, loss.operands, loss.irls)
    try:
        return _compile(made, module.SIGNATURE, False, digest is not None)
    except MemoryError:
        raise
    except Exception as error:  # Numba's errors have no common class
        raise _code.failure(loss, error, "Numba") from None  # its own report runs over pages


def compile_own(
    module: Any, signature: tuple[Any, ...], *parts: Any, parallel: bool = False
) -> Callable[..., Any]:
    """Compile a kernel without a formula, made by a module of the package, or take it from the cache."""
    if settings.DISABLE_JIT:
        plain: Callable[..., Any] = module.make_kernel(_prefix(module), *parts)
        return plain
    return numba_internals.entry_point(uninterrupted.run(_own, module, signature, parts, parallel))


def address_of_own(module: Any, signature: tuple[Any, ...], *parts: Any) -> int:
    """The address of a kernel without a formula, for other kernels to call."""
    return numba_internals.address(uninterrupted.run(_own, module, signature, parts, False), signature)


def _own(module: Any, signature: tuple[Any, ...], parts: tuple[Any, ...], parallel: bool) -> Any:
    with forked.compiler_lock():
        name = own_name(module, signature, parts, parallel)
        return _compile(module.make_kernel(name, *parts), signature, parallel, cached=True)


def own_name(module: Any, *parts: Any) -> str:
    """A name, unique on disk, for what a module makes of some parts."""
    return f"{_prefix(module)}_{_digest(parts, module=module)}"


def _prefix(module: Any) -> str:
    return str(module.__name__.replace(".", "_"))


def filled(function: Any, name: str, **parts: Any) -> Callable[..., Any]:
    """A function with parts in place of placeholders among its globals, under a name unique on disk."""
    # Not a closure: Numba would pickle it into the key of its index on disk, to other bytes now and then.
    made = FunctionType(function.__code__, function.__globals__ | parts, name)
    made.__qualname__ = name
    return made


def _digest(*parts: Any, module: ModuleType) -> str:
    """A digest of all that a kernel is made from: eight digits for its maker, sixteen for everything."""
    names = "OPT", "BOUNDSCHECK", "DEBUGINFO_DEFAULT", "LOOP_VECTORIZE", "SLP_VECTORIZE"
    switches = [getattr(settings, name) for name in names]
    made_by = maker(module)
    made_from = made_by, switches, numba_internals.processor(), parts
    return made_by[:8] + hashlib.sha256(repr(made_from).encode()).hexdigest()[:16]


def maker(module: ModuleType) -> str:
    """A digest of what makes a module's kernels for any loss: our code and the versions of libraries."""
    versions = fastloss.__version__, numba.__version__, llvmlite.__version__, np.__version__
    compiler = [_code, _source, elementary, primitives, numba_internals, sys.modules[__name__]]
    reached = _reached(module)
    engine = _source.digest_of_modules([*reached, *compiler])
    # A module from which only numbers are imported is not reached: a number does not name its module.
    numbers = [[(name, x) for name, x in vars(each).items() if isinstance(x, int)] for each in reached]
    return hashlib.sha256(repr((versions, engine, numbers)).encode()).hexdigest()


def _reached(module: ModuleType) -> list[ModuleType]:
    """A module, the modules of the package that it imports from, those that they import from, and so on."""
    found = {module.__name__: module}
    pending = [module]
    while pending:
        values = vars(pending.pop()).values()
        homes = {getattr(value, "__module__", None) for value in values}
        homes |= {value.__name__ for value in values if isinstance(value, ModuleType)}
        for home in homes - found.keys():
            if isinstance(home, str) and home.startswith(f"{fastloss.__name__}."):
                found[home] = sys.modules[home]
                pending.append(found[home])
    return [found[name] for name in sorted(found)]


def _compile(kernel: Callable[..., Any], signature: tuple[Any, ...], parallel: bool, cached: bool) -> Any:
    """The dispatcher of a compiled kernel."""
    np.empty(_ROOM, np.uint8)  # raises MemoryError, where LLVM would end the process
    options: dict[str, Any] = {"parallel": parallel, "nogil": True, "error_model": "numpy"}
    if cached:
        for attempt in ("as it is", "repaired"):
            dispatcher: Any = None
            try:
                dispatcher = numba.njit(**options, cache=True)(kernel)
                folder, names = numba_internals.kept_files(dispatcher)
                if permissions.danger(folder, names) is not None:
                    break
                if attempt == "repaired":
                    numba_internals.forget_kept(dispatcher)
                elif not all(map(checksum.is_whole, _data_of(folder, names))):
                    continue
                dispatcher.compile(signature)
                if not dispatcher.stats.cache_hits:
                    for path in _data_of(*numba_internals.kept_files(dispatcher)):
                        checksum.append(path)
                return _closed(dispatcher)
            except NumbaError:
                raise
            except Exception:  # a damaged entry raises anything from OSError to UnpicklingError
                if dispatcher is not None and dispatcher.overloads:  # compiled, but not saved
                    return _closed(dispatcher)
    dispatcher = numba.njit(**options)(kernel)
    dispatcher.compile(signature)
    return _closed(dispatcher)


def _data_of(folder: Path, names: list[str]) -> list[Path]:
    """Those files of a function that hold its machine code."""
    return [folder / name for name in names if name.endswith(".nbc")]


def _closed(dispatcher: Any) -> Any:
    """A dispatcher, made to compile for no other types."""
    dispatcher.disable_compile()
    return dispatcher
