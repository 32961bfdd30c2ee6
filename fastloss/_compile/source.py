"""The code of a function at one moment: a copy that later changes do not affect, and its digest.

Numba freezes a function's globals, closures and callees whenever it compiles for one more type. The kernels
of a loss are compiled one by one, so all of them are made from a single copy. The digest is computed from the
same values in the same traversal, so the digest of a kernel on disk always matches its code.
"""

import builtins
import dis
import hashlib
import inspect
import os
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from fastloss._definition.definition import codes
from fastloss._math import primitives

# Not traversed, as their versions are part of every kernel's name.
_LIBRARIES = {"builtins", "math", "cmath", "operator", "numpy", "numba", "llvmlite"}
_PLAIN = {type(None), type(...), bool, int, float, complex, str, bytes}
# Numba compiles the address of an array with more bytes into the code, which then cannot be cached.
_LARGEST = 10**6
_LOADS = {"LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_ATTR", "LOAD_METHOD"}
_PART_OF = "part of "  # begins the names of our partial copies of modules


class Source:
    """A copy of the code of a function.

    Attributes
    ----------
    function : function
        A copy of the function that refers to nothing but copies.
    functions : list of function
        These copies and those of the Python functions that they call, directly or not.
    weights : function or None
        A copy of the other function, if there is one: both are copied at the same moment.
    digest : str or None
        Equal for the same code in another process. None if that cannot be known, as for a function
        typed at a prompt or a helper that Numba implements by other code.
    callable_on : set of str
        Numba's targets whose kernels can call the copies.
    bound_here : str or None
        The name of a function whose implementation by ``@overload`` no other process would find.

    Raises
    ------
    NameError
        A variable of an enclosing function has no value yet.
    TypeError
        A tuple or a default holds a module, so that it is not known what is used of it.
    """

    def __init__(self, function: Callable[..., Any], weights: Callable[..., Any] | None = None) -> None:
        self.functions: list[FunctionType] = []
        self.callable_on: set[str] = set()
        self.bound_here: str | None = None
        self._hash = hashlib.sha256(repr(sys.version_info).encode())
        self._known = True
        self._copies: dict[Any, Any] = {}
        self._globals: dict[tuple[int, str], Any] = {}
        self._parts: dict[ModuleType, ModuleType] = {}
        self.function: FunctionType = self._function(function)
        self.weights: FunctionType | None = None if weights is None else self._function(weights)
        self.digest = self._hash.hexdigest() if self._known else None
        for place, copy in enumerate(self.functions):
            copy.__qualname__ = f"{copy.__code__.co_qualname}_{self.digest or 'not_kept'}_{place}"

    def _add(self, *parts: Any) -> None:
        self._hash.update(repr(parts).encode())

    def _copy(self, value: Any) -> Any:
        """A copy of a value that code refers to, which nobody else can change."""
        # Numbers and tuples of a user's own class (an enumeration, a named tuple) cannot be cached:
        # Numba's key holds their class, which gets a new identity in every run of a script.
        if type(value) in _PLAIN:
            self._add(type(value).__name__, value)
        elif isinstance(value, tuple):
            self._known &= type(value) is tuple
            self._add(type(value).__name__, len(value))
            items = [self._copy(item) for item in value]
            return tuple(items) if type(value) is tuple else getattr(value, "_make", lambda _: value)(items)
        elif type(value) is frozenset:
            self._add("frozenset", len(value))
            for item in sorted(value, key=repr):
                self._copy(item)
        elif isinstance(value, np.ndarray | np.generic):
            self._known &= value.nbytes <= _LARGEST and not value.dtype.hasobject
            value = value.copy()
            self._add(repr(value.dtype), value.shape, value.tobytes())
        elif _is_library(value):
            self._add(type(value).__name__, getattr(value, "__module__", ""), value.__name__)
        elif _is_primitive(value):  # its implementation is in the digest of every kernel
            self._add("primitive", value.__name__)
        elif isinstance(value, FunctionType) and not _is_elsewhere(value):
            return self._function(value)
        elif isinstance(value, FunctionType):
            self._known = False
            if value.__module__ in ("__main__", "__mp_main__") or "<locals>" in value.__qualname__:
                self.bound_here = value.__qualname__
        elif _is_open(value):
            return self._jitted(value)
        elif isinstance(value, ModuleType):
            raise TypeError(f"a tuple or a default holds the module {value.__name__}: use it by its name")
        else:
            self._known = False
        return value

    def _jitted(self, dispatcher: Any) -> Any:
        """A copy of a function of ``@njit``, not compiled for any types yet."""
        from numba import jit

        options = dispatcher.targetoptions | {"boundscheck": True}
        described = {name: sorted(x) if isinstance(x, set) else x for name, x in options.items()}
        self._add(sorted(described.items()), sorted(dispatcher.locals.items()))
        wrap = jit(locals=dispatcher.locals, **options)
        return self._function(dispatcher.py_func, dispatcher, wrap)

    def _function(self, function: Any, known_as: Any = None, wrap: Any = None) -> Any:
        known_as = known_as or function
        if known_as in self._copies:
            self._add("again", list(self._copies).index(known_as))
            return self._copies[known_as]
        code = function.__code__
        scope = function.__globals__
        around = {name: scope[name] for name in scope.keys() & {"__name__"}}
        cells = {name: CellType() for name in code.co_freevars}
        copy = FunctionType(code, around, function.__name__, None, tuple(cells.values()))
        self._copies[known_as] = copy
        self.functions.append(copy)
        # A function typed at a prompt has no file that another process could have compiled.
        self._known &= os.path.isfile(code.co_filename)
        self._add(_described(code))
        copy.__defaults__ = self._copy(function.__defaults__)
        keywords = sorted((function.__kwdefaults__ or {}).items())
        copy.__kwdefaults__ = {name: self._named(name, value, code) for name, value in keywords}
        if wrap is not None:  # now, as it may call itself
            self._copies[known_as] = wrap(copy)
        for name, value in _closure_of(function):
            cells[name].cell_contents = self._named(name, value, code)
        for name in sorted(_globals_of(code) & (scope.keys() | vars(builtins).keys())):
            value = scope.get(name, vars(builtins).get(name))
            # Read once for all functions of a module, as another thread may assign a new value meanwhile.
            value = self._globals.setdefault((id(scope), name), value)
            around[name] = self._named(name, value, code)
        return self._copies[known_as]

    def _named(self, name: str, value: Any, code: CodeType) -> Any:
        """A copy of what a name refers to; of a module, only what the code may use."""
        self._add(name)
        if not isinstance(value, ModuleType) or _is_library(value):
            return self._copy(value)
        home = value.__name__.removeprefix(_PART_OF)
        self._add(home)
        # Not under the module's name, as pickle would send another process the module itself by that name.
        part = self._parts.setdefault(value, ModuleType(_PART_OF + home))
        for attribute in _attributes_of(name, code):
            if hasattr(value, attribute) and not hasattr(part, attribute):
                setattr(part, attribute, None)  # first, as modules may refer to each other
                setattr(part, attribute, self._named(attribute, getattr(value, attribute), code))
        return part


def _attributes_of(name: str, code: CodeType) -> list[str]:
    """The attributes that code takes from a module called `name`: those that directly follow the name.

    If the code does anything else with the module, any of its names and strings may be such an attribute.
    """
    found: set[str] = set()
    for each in codes(code):
        steps = [step for step in dis.get_instructions(each) if step.opname != "EXTENDED_ARG"]
        for step, following in pairwise(steps):
            if step.argval == name and step.opname in _LOADS:
                if following.opname not in ("LOAD_ATTR", "LOAD_METHOD"):
                    strings = (text for part in codes(code) for text in part.co_consts if type(text) is str)
                    return sorted({*strings, *(each for part in codes(code) for each in part.co_names)})
                found.add(following.argval)
    return sorted(found)


def _described(constant: Any) -> Any:
    """Code, or a constant of code, as an object whose ``repr`` identifies it."""
    if isinstance(constant, tuple):
        return [_described(each) for each in constant]
    if isinstance(constant, frozenset):  # whose order differs from process to process
        return sorted(repr(_described(each)) for each in constant)
    if not isinstance(constant, CodeType):
        return type(constant).__name__, constant
    code = constant
    # File and line are part of Numba's own key. As they are included here too, one name has one entry.
    place = code.co_name, code.co_filename, code.co_firstlineno, code.co_linetable
    kinds = code.co_flags, code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount
    steps = code.co_code, code.co_exceptiontable
    names = code.co_names, code.co_varnames, code.co_freevars
    return [*place, *kinds, *steps, *names, _described(code.co_consts)]


def _is_library(value: Any) -> bool:
    """Whether a function, class or module belongs to Python or to one of our libraries."""
    if isinstance(value, ModuleType):
        home = value.__name__
    elif isinstance(value, FunctionType):  # functools.wraps may have set its __module__
        home = value.__globals__.get("__name__", "")
    elif isinstance(value, BuiltinFunctionType | type | np.ufunc | type(np.sum)):
        home = getattr(value, "__module__", None) or "numpy"
    else:
        return False
    return str(home).partition(".")[0] in _LIBRARIES


def _is_primitive(value: Any) -> bool:
    """Whether a value is a primitive of elementary functions, which `elementary` implements for Numba."""
    return isinstance(value, FunctionType) and value.__module__ == primitives.__name__


def _is_elsewhere(function: FunctionType) -> bool:
    """Whether Numba implements a function, by ``@overload``, with other code than the function's own."""
    from numba.core.registry import cpu_target

    context = cpu_target.typing_context
    context.refresh()
    try:
        kind: Any = context.resolve_value_type(function)
    except ValueError:  # unknown to Numba
        return False
    # `register_jitable` makes an overload that returns the function itself, from its closure.
    overloads = [getattr(template, "_overload_func", None) for template in getattr(kind, "templates", ())]
    cells = [cell for each in overloads for cell in getattr(each, "__closure__", None) or ()]
    return not any(cell.cell_contents is function for cell in cells)


def _is_open(value: Any) -> bool:
    """Whether a value is a function of ``@njit`` that would still compile its current code for new types."""
    from numba.extending import is_jitted

    dispatcher: Any = value if is_jitted(value) else None
    return dispatcher is not None and dispatcher._can_compile


def _closure_of(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """The variables of enclosing functions that a function uses, with their values."""
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            value = cell.cell_contents
        except ValueError:
            raise NameError(f"{name} of the function around {function.__name__} has no value yet") from None
        yield name, value


def _globals_of(code: CodeType) -> set[str]:
    """The names that code looks up globally."""
    steps = (step for each in codes(code) for step in dis.get_instructions(each))
    return {step.argval for step in steps if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")}


def digest_of_modules(modules: list[ModuleType]) -> str:
    """A digest of the code that modules hold in memory, as their files may have been replaced since."""
    parts: list[Any] = []
    for module in modules:
        for name, value in sorted(vars(module).items()):
            own = getattr(value, "__module__", None) == module.__name__
            for function in vars(value).values() if isinstance(value, type) and own else [value]:
                function = inspect.unwrap(function) if callable(function) else function
                if isinstance(function, FunctionType) and function.__module__ == module.__name__:
                    parts.append((name, _described(function.__code__)))
            if type(value) in _PLAIN and not name.startswith("__"):
                parts.append((name, value))
    return hashlib.sha256(repr(parts).encode()).hexdigest()
