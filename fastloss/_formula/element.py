"""What every kernel does with one element, on any processor."""

from collections.abc import Callable
from math import nan
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils, config
from numba.extending import intrinsic, register_jitable

settings: Any = config  # Numba makes its attributes at import, unseen by type checkers


def element_of(formula: Callable[..., Any], T: type) -> Callable[..., Any]:
    """The value and derivatives of one element: weighted, scaled and masked, in the type to compute in."""
    call, convert = (_call, _cast) if settings.DISABLE_JIT else (attempt, cast)

    @register_jitable(forceinline=True)
    def element(pred, target, weight, keep, params, scale):
        succeeded, found = call(formula, (T(pred), T(target), *convert(params, T(0))))
        value, grad, hess = found
        value, grad, hess = T(value), T(grad), T(hess)
        if not succeeded:
            value, grad, hess = T(nan), T(nan), T(nan)
        if weight is not None:
            value, grad, hess = T(weight) * value, T(weight) * grad, T(weight) * hess
        grad, hess = grad * T(scale), hess * T(scale)
        # A choice, not a product: what is left out may be NaN.
        if keep is not None and not keep:
            value, grad, hess = T(0), T(0), T(0)
        return value, grad, hess

    return element


# An error inside a kernel would end it in the middle of a row, unseen by other threads and by CUDA. Where the
# compiler sees that a function has none, this costs nothing.
#
# A function compiled by Numba reports an error by the status it returns, and its caller returns at once with
# the same status. Calling through a small function of our own lets us read the status instead.
@intrinsic
def attempt(typing_context, function, args):
    """Whether a call succeeds, and what it returns; undefined if it failed."""
    called = typing_context.resolve_function_type(function, tuple(args), {})
    result = types.Tuple((types.boolean, called.return_type))

    def codegen(context, builder, signature, values):
        # Numba keeps one key of the code for all targets, and types this call once for several kernels: of
        # the targets the last one typed would be called, so it is typed again.
        context.typing_context.resolve_function_type(function, called.args, {})
        compiled = getattr(context, "fndesc", None)  # numba-cuda has a convention for each function
        convention = getattr(compiled, "call_conv", None) or context.call_conv
        kind = convention.get_function_type(called.return_type, called.args)
        name = builder.module.get_unique_name("attempt")
        inner = ir.Function(builder.module, kind, name)
        inner.linkage = "internal"
        inner.attributes.add("alwaysinline")
        body = ir.IRBuilder(inner.append_basic_block())
        passed = convention.decode_arguments(body, called.args, inner)
        convention.return_value(body, context.get_function(function, called)(body, passed))
        given = [
            context.cast(builder, value, *kinds)
            for value, *kinds in zip(cgutils.unpack_tuple(builder, values[1]), args, called.args, strict=True)
        ]
        status, found = convention.call_function(builder, inner, called.return_type, called.args, given)
        return context.make_tuple(builder, result, [status.is_ok, found])

    return result(function, args), codegen


def _call(function: Any, args: tuple[Any, ...]) -> tuple[bool, Any]:
    """The same where nothing is compiled: what an error is shows then."""
    return True, function(*args)


@intrinsic
def cast(typing_context, params, like):
    """Numbers in the type of another."""
    result = types.UniTuple(like, len(params))

    def codegen(context, builder, signature, args):
        numbers = zip(cgutils.unpack_tuple(builder, args[0]), params, strict=True)
        found = [context.cast(builder, number, kind, like) for number, kind in numbers]
        return context.make_tuple(builder, result, found)

    return result(params, like), codegen


def _cast(params: tuple[Any, ...], like: Any) -> tuple[Any, ...]:
    """The same where nothing is compiled."""
    return tuple(type(like)(param) for param in params)
