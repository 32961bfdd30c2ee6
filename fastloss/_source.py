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
        if value is None or isinstance(value, bool | int | float | complex | str | bytes):
            self._add(type(value).__name__, value)
        elif isinstance(value, tuple | frozenset):
            self._add(type(value).__name__, len(value))
            for item in value if isinstance(value, tuple) else sorted(value, key=repr):
                self._visit(item)
        elif isinstance(value, np.ndarray | np.generic):
            self._known &= not value.dtype.hasobject
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
        for cell in function.__closure__ or ():
            self._visit(cell.cell_contents)
        for name, value in _globals_of(function.__code__, function.__globals__):
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
    if not isinstance(value, FunctionType | BuiltinFunctionType | ModuleType | type | np.ufunc):
        return False
    home = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None) or "numpy"
    return home.partition(".")[0] in _LIBRARIES


def _globals_of(code: CodeType, namespace: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The global values that code uses, with those that it takes from modules."""
    used = {i.argval for i in dis.get_instructions(code) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    for name in sorted(used & namespace.keys()):
        yield from _with_attributes(name, namespace[name], code)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _globals_of(constant, namespace)


def _with_attributes(name: str, value: Any, code: CodeType) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, ModuleType) or _is_library(value):
        yield name, value
        return
    for attribute in code.co_names:
        if hasattr(value, attribute):
            yield from _with_attributes(f"{name}.{attribute}", getattr(value, attribute), code)


def digest_of_files(modules: list[ModuleType]) -> str:
    """A digest of the files of modules."""
    hasher = hashlib.sha256()
    for module in modules:
        with open(str(module.__file__), "rb") as file:
            hasher.update(file.read())
    return hasher.hexdigest()
