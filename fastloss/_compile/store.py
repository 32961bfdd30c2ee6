"""Kernels compiled once and kept on disk, safely in any host process.

Numba's index on disk knows neither compile options nor callees, and several processes may
write one entry at a time. So every kernel goes by a name of its own, which holds a digest of
all that it is made from: then an index has one entry, and whatever wrote it wrote the same.
"""

import hashlib
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import llvmlite
import numba
import numpy as np
from numba.core import config
from numba.core.errors import NumbaError

import fastloss
from fastloss._compile import code as _code
from fastloss._compile import elementary, forked, insides, seal, sheltered, trust
from fastloss._compile import source as _source
from fastloss._definition.definition import Definition
from fastloss._math import primitives

_ROOM = 1 << 26  # bytes; three kernels, compiled one after the other, took 18 MiB

settings: Any = config  # Numba makes its attributes at import, unseen by type checkers


def compile_for(loss: Definition, variant: Any, module: Any) -> Any:
    """Compile what a module of the package makes of a loss's formula, or take it from the cache.

    Returns
    -------
    A dispatcher of Numba's, without which the code may be gone.
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
    except Exception as error:  # Numba has several kinds that share no class
        raise _code.failure(loss, error, "Numba") from None  # its own report runs over pages


def compile_own(
    module: Any, signature: tuple[Any, ...], *parts: Any, parallel: bool = False
) -> Callable[..., Any]:
    """Compile a kernel without a formula, which a module of the package makes, or take it from the cache."""
    if settings.DISABLE_JIT:
        plain: Callable[..., Any] = module.make_kernel(_prefix(module), *parts)
        return plain
    return insides.entry_point(sheltered.run(_own, module, signature, parts, parallel))


def address_of_own(module: Any, signature: tuple[Any, ...], *parts: Any) -> int:
    """The address of the same, for kernels to call."""
    return insides.address(sheltered.run(_own, module, signature, parts, False), signature)


def _own(module: Any, signature: tuple[Any, ...], parts: tuple[Any, ...], parallel: bool) -> Any:
    with forked.compiler_lock():
        name = own_name(module, signature, parts, parallel)
        return _compile(module.make_kernel(name, *parts), signature, parallel, cached=True)


def own_name(module: Any, *parts: Any) -> str:
    """A name for what a module makes of some parts, and for nothing else that is kept on disk."""
    return f"{_prefix(module)}_{_digest(parts, module=module)}"


def _prefix(module: Any) -> str:
    return str(module.__name__.replace(".", "_"))


def _digest(*parts: Any, module: ModuleType) -> str:
    """Digits that stand for all that a kernel is made from: eight for its maker, sixteen for all of it."""
    names = "OPT", "BOUNDSCHECK", "DEBUGINFO_DEFAULT", "LOOP_VECTORIZE", "SLP_VECTORIZE"
    switches = [getattr(settings, name) for name in names]
    made_by = maker(module)
    made_from = made_by, switches, insides.processor(), parts
    return made_by[:8] + hashlib.sha256(repr(made_from).encode()).hexdigest()[:16]


def maker(module: ModuleType) -> str:
    """A digest of what makes a module's kernels, whatever the loss: our code and versions of libraries."""
    versions = fastloss.__version__, numba.__version__, llvmlite.__version__, np.__version__
    compiler = [_code, _source, elementary, primitives, insides, sys.modules[__name__]]
    reached = _reached(module)
    engine = _source.digest_of_modules([*reached, *compiler])
    # Of the modules whose numbers these are perhaps nothing else is reached.
    numbers = [[(name, x) for name, x in vars(each).items() if isinstance(x, int)] for each in reached]
    return hashlib.sha256(repr((versions, engine, numbers)).encode()).hexdigest()


def _reached(module: ModuleType) -> list[ModuleType]:
    """A module and those of the package that it has anything of, and so on."""
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
    np.empty(_ROOM, np.uint8)  # MemoryError, where LLVM would end the process for want of memory
    options: dict[str, Any] = {"parallel": parallel, "nogil": True, "error_model": "numpy"}
    if cached:
        for attempt in ("as it is", "repaired"):
            dispatcher: Any = None
            try:
                dispatcher = numba.njit(**options, cache=True)(kernel)
                folder, names = insides.kept_files(dispatcher)
                if trust.danger(folder, names) is not None:
                    break
                if attempt == "repaired":
                    insides.forget_kept(dispatcher)
                elif not all(map(seal.is_whole, _data_of(folder, names))):
                    continue
                dispatcher.compile(signature)
                if not dispatcher.stats.cache_hits:
                    for path in _data_of(*insides.kept_files(dispatcher)):
                        seal.seal(path)
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
    """Of the files of a function those that hold its machine code."""
    return [folder / name for name in names if name.endswith(".nbc")]


def _closed(dispatcher: Any) -> Any:
    """A dispatcher that compiles for no other types."""
    dispatcher.disable_compile()
    return dispatcher
