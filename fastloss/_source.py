"""What a function is made of: a digest of its code and of all that it reaches.

Numba's cache on disk looks at one function's bytecode only. It would serve a loss compiled
before the last edit of a helper in another file, so the digest follows every name.
"""

import dis
import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

# Known by their versions, which are part of every kernel's name: not looked into.
_LIBRARIES = {"builtins", "math", "cmath", "operator", "numpy", "numba", "llvmlite"}
_PLAIN = {type(None), type(...), bool, int, float, complex, str, bytes}
# Numba compiles in the address of an array of more bytes, or of a strided one: not to be cached.
_LARGEST = 10**6


class Source:
    """The code behind a function.

    Attributes
    ----------
    functions : list of function
        The function and the Python functions that it calls, directly or not.
    digest : str or None
        The same for the same code in another process; None if that can't be known, as for a
        function typed at a prompt or a helper already compiled.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.functions: list[FunctionType] = []
        self._hash = hashlib.sha256(repr(sys.version_info).encode())
        self._known = True
        self._seen: set[int] = set()
        self._visit(function)
        self.digest = self._hash.hexdigest() if self._known else None

    def _add(self, *parts: Any) -> None:
        self._hash.update(repr(parts).encode())

    def _visit(self, value: Any) -> None:
        # Numbers and tuples of a user's own class (an enumeration's, a named tuple) are not known:
        # Numba's key holds their class, which gets a new identity in every run of a script.
        if type(value) in _PLAIN:
            self._add(type(value).__name__, value)
        elif type(value) in (tuple, frozenset):
            self._add(type(value).__name__, len(value))
            for item in sorted(value, key=repr) if type(value) is frozenset else value:
                self._visit(item)
        elif isinstance(value, np.ndarray | np.generic):
            constant = value.flags.forc and value.nbytes <= _LARGEST
            self._known &= constant and not value.dtype.hasobject
            self._add(value.dtype.str, value.shape, value.tobytes())
        elif _is_library(value):
            self._add(type(value).__name__, getattr(value, "__module__", ""), value.__name__)
        elif isinstance(value, FunctionType):
            self._visit_function(value)
        else:
            self._known = False

    def _visit_function(self, function: FunctionType) -> None:
        if id(function) in self._seen:
            return
        self._seen.add(id(function))
        self.functions.append(function)
        # A prompt's functions have no file that another process could have compiled.
        self._known &= os.path.isfile(function.__code__.co_filename)
        self._visit_code(function.__code__)
        self._visit(function.__defaults__)
        for name, value in sorted((function.__kwdefaults__ or {}).items()):
            self._add(name)
            self._visit(value)
        for name, value in _names_of(function):
            self._add(name)
            self._visit(value)

    def _visit_code(self, code: CodeType) -> None:
        # File and line are part of Numba's own key: with them here, one name has one entry.
        self._add(
            code.co_name,
            code.co_filename,
            code.co_firstlineno,
            code.co_linetable,
            code.co_code,
            code.co_names,
            code.co_varnames,
            code.co_freevars,
        )
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                self._visit_code(constant)
            else:
                self._visit(constant)


def _is_library(value: Any) -> bool:
    """Whether a function, class or module belongs to Python or to one of our libraries."""
    if isinstance(value, ModuleType):
        home = value.__name__
    elif isinstance(value, FunctionType):  # its __module__ may be another's, by functools.wraps
        home = value.__globals__.get("__name__", "")
    elif isinstance(value, BuiltinFunctionType | type | np.ufunc | type(np.sum)):
        home = getattr(value, "__module__", None) or "numpy"
    else:
        return False
    return str(home).partition(".")[0] in _LIBRARIES


def _names_of(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """The values that a function takes from around it."""
    code = function.__code__
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        yield from _with_attributes(name, cell.cell_contents, code, ())
    yield from _globals_of(code, function.__globals__)


def _globals_of(code: CodeType, namespace: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The global values that code uses, with those that it takes from modules."""
    used = {i.argval for i in dis.get_instructions(code) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    for name in sorted(used & namespace.keys()):
        yield from _with_attributes(name, namespace[name], code, ())
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _globals_of(constant, namespace)


def _with_attributes(
    name: str, value: Any, code: CodeType, outer: tuple[ModuleType, ...]
) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, ModuleType) or _is_library(value):
        yield name, value
    elif value not in outer:  # modules may hold each other
        for attribute in code.co_names:
            if hasattr(value, attribute):
                yield from _with_attributes(
                    f"{name}.{attribute}", getattr(value, attribute), code, (*outer, value)
                )


def digest_of_files(modules: list[ModuleType]) -> str:
    """A digest of the files of modules."""
    hasher = hashlib.sha256()
    for module in modules:
        with open(str(module.__file__), "rb") as file:
            hasher.update(file.read())
    return hasher.hexdigest()
