"""The code of a loss: copied once for all of its kernels, and explained if it cannot be compiled."""

from numbers import Real
from sys import float_info
from types import FunctionType
from typing import Any

import numba
import numpy as np
from numba import types
from numba.extending import overload

from fastloss._compile import elementary, forked
from fastloss._compile.source import Source
from fastloss._definition.definition import Definition, Weights, raises
from fastloss._definition.domain import Domain


def source_of(loss: Definition) -> Source:
    """The code of a loss, copied when it is first needed; all kernels of the loss are made from that copy."""
    owner = _owner(loss)
    with forked.compiler_lock():
        source: Source = owner._source or _checked(owner)
        owner._source = source
        return source


def _owner(loss: Definition) -> Definition:
    """The loss whose code a definition's kernels are made from."""
    return loss.loss if isinstance(loss, Weights) else loss


def function_of(loss: Definition) -> FunctionType:
    """The copy of the function that a loss's kernels call for each element."""
    source = source_of(loss)
    return source.weights if loss.irls == "own" and source.weights is not None else source.function


def _checked(loss: Definition) -> Source:
    """Copy the code as it is now; refuse code that raises."""
    try:
        source = Source(loss.formula, None if isinstance(loss.own_weights, str) else loss.own_weights)
    except NameError as error:
        raise TypeError(f"{_place(loss)} cannot be compiled yet: {error}") from None
    except TypeError as error:
        raise TypeError(f"{_place(loss)} cannot be compiled: {error}") from None
    raising = next(filter(raises, source.functions), None)
    if raising is not None:
        code = raising.__code__
        raise TypeError(
            f"{_place(loss)} calls {code.co_name} ({code.co_filename}, line {code.co_firstlineno}), which "
            "must not raise, as it runs in threads: return NaN instead"
        )
    return source


def make_callable(source: Source, target: str) -> None:
    """Let kernels for one of Numba's targets, "cpu" or "cuda", call the functions of a source.

    On the CPU, an index out of bounds is an error, which `attempt` turns into NaN. On CUDA, Numba cannot
    check indices.
    """
    with forked.compiler_lock():
        if target in source.callable_on:
            return
        checked: Any = {"boundscheck": True} if target == "cpu" else {}
        for function in source.functions:
            options: Any = elementary.OPTIONS if elementary.is_elementary(function) else checked
            overload(function, jit_options=options, strict=False, target=target)(elementary.itself(function))
        source.callable_on.add(target)


def failure(loss: Definition, error: Exception, compiler: str) -> TypeError:
    """An error that says in one line why a formula could not be compiled.

    As long as the loss has no kernel, the next call copies its code again, so that it can be corrected.
    """
    message = f"{_place(loss)} {_reason(loss, error, compiler)}"
    owner = _owner(loss)
    if not owner._kernels and not owner._weights._kernels:
        owner._source = owner._packed = None
    return TypeError(message)


def _place(loss: Definition) -> str:
    own = _owner(loss).own_weights if loss.irls == "own" else None
    code = (loss.formula if own is None or isinstance(own, str) else own).__code__
    what = "" if loss.irls != "own" else "irls_weights of "
    return f"{what}loss {loss.name} ({code.co_filename}, line {code.co_firstlineno})"


def _reason(loss: Definition, error: Exception, compiler: str) -> str:
    function = function_of(loss)
    try:
        results = function(1.0, 0.5, *map(_example, loss.domains.values()))
    except (ArithmeticError, ValueError):
        pass  # because of these numbers, not of the code
    except Exception as problem:
        return f"cannot be compiled; as plain Python it raises {type(problem).__name__}: {problem}"
    else:
        if not _are_numbers(results, loss.irls == "own"):
            return f"must return {_wanted(loss)}, got {results!r}"
    try:  # alone, so that the report does not mention the kernel
        alone: Any = numba.njit(function)
        alone.compile((numba.float64,) * (2 + len(loss.domains)))
        returned = alone.nopython_signatures[0].return_type
        if not _are_numbers(returned, loss.irls == "own"):
            return f"must return {_wanted(loss)}, got {returned} when compiled by {compiler}"
    except Exception as shorter:
        error = shorter
    lines = [
        line.strip() for line in str(error).splitlines() if not line.startswith(("Failed in", "During:"))
    ]
    reason = next(filter(None, lines), "")
    place = next((line for line in lines if line.startswith("File ")), "")
    return f"cannot be compiled by {compiler}: {reason} {place}".rstrip(" :")


def _wanted(loss: Definition) -> str:
    return "a number" if loss.irls == "own" else "(value, gradient, second derivative), three real numbers"


def _are_numbers(results: Any, one: bool) -> bool:
    """Whether the results of a formula, or their Numba types, are the numbers that kernels need."""
    if not one and not (isinstance(results, tuple | types.BaseTuple) and len(results) == 3):
        return False
    real = Real | np.bool_ | types.Integer | types.Float | types.Boolean
    return all(isinstance(x, real) for x in ((results,) if one else results))


def _example(domain: Domain) -> float:
    """A number in a domain: its default if it has one."""
    low, high = max(domain.low, -float_info.max), min(domain.high, float_info.max)
    numbers = 1.0, low + 1, low / 2 + high / 2, low, high
    return domain.default if domain.default is not None else next(x for x in numbers if x in domain)
