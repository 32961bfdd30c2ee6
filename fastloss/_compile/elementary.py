"""The elementary functions for Numba: their primitives, on all of its targets, and what is made of these.

Numba imports this module with `fastloss._jitted` before it compiles anything, so that any compiled code can
call `fastloss.math`. Kernels import it with the code that they are made from.
"""

from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import infer, infer_global, make_intrinsic_template
from numba.extending import overload

from fastloss import math
from fastloss._math import exponential, logarithm, power, primitives, sums

#: How the functions are compiled, whatever the options of their caller. A loop with a call in it would not
#: vectorise, and with `fastmath` the rounding error of a sum would be taken for 0.
OPTIONS: Any = {"forceinline": True, "error_model": "numpy", "fastmath": False}
_MADE = (sums, exponential, logarithm, power, math)  # the modules whose functions are made of primitives

_I32, _I64 = ir.IntType(32), ir.IntType(64)


def implements(primitive: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let Numba implement a primitive by a definition, which is written like that of an intrinsic.

    An `@overload` that calls an `@intrinsic` would do the same, but would be compiled for each type.
    """

    def register(definition):
        template = make_intrinsic_template(primitive, definition, primitive.__name__)
        infer(template)
        infer_global(primitive, types.Function(template))
        return definition

    return register


@implements(primitives.evaluate)
def evaluate(typing_context, function, args):
    kind = types.float32 if all(arg == types.float32 for arg in args) else types.float64
    called = typing_context.resolve_function_type(function, (kind,) * len(args), {})

    def codegen(context, builder, signature, values):
        # Numba keeps the code under one key for all targets, and would call that of the target typed last.
        context.typing_context.resolve_function_type(function, called.args, {})
        given = zip(cgutils.unpack_tuple(builder, values[1]), args, strict=True)
        numbers = [context.cast(builder, value, of, kind) for value, of in given]
        return context.get_function(function, called)(builder, numbers)

    return called.return_type(function, args), codegen


@implements(primitives.typed)
def typed(typing_context, like, pair):
    index = 0 if like == types.float32 else 1

    def codegen(context, builder, signature, args):
        return builder.extract_value(args[1], index)

    return pair[index](like, pair), codegen


@implements(primitives.chosen)
def chosen(typing_context, like, single, double):
    found = single if like == types.float32 else double

    def codegen(context, builder, signature, args):
        return context.get_dummy_value()

    return found(like, single, double), codegen


@implements(primitives.fma)
def fma(typing_context, x, y, z):
    def codegen(context, builder, signature, args):
        return builder.fma(*args)

    return x(x, x, x), codegen


@implements(primitives.polynomial)
def polynomial(typing_context, x, coefficients):
    def codegen(context, builder, signature, args):
        terms = cgutils.unpack_tuple(builder, args[1])
        return primitives.estrin(args[0], terms, builder.fma, lambda power: builder.fmul(power, power))

    return x(x, coefficients), codegen


@implements(primitives.select)
def select(typing_context, condition, x, y):
    def codegen(context, builder, signature, args):
        return builder.select(*args)

    return x(types.boolean, x, x), codegen


@implements(primitives.quotient)
def quotient(typing_context, x, y):
    def codegen(context, builder, signature, args):
        return builder.fdiv(*args)

    return x(x, x), codegen


@implements(primitives.root)
def root(typing_context, x):
    def codegen(context, builder, signature, args):
        return builder.call(builder.module.declare_intrinsic("llvm.sqrt", [args[0].type]), args)

    return x(x), codegen


@implements(primitives.signed)
def signed(typing_context, size, sign):
    integer, mantissa, exponent, _ = _form(size)
    mask = integer(1 << (mantissa + exponent))

    def codegen(context, builder, signature, args):
        size_bits, sign_bits = (builder.bitcast(arg, integer) for arg in args)
        kept = builder.and_(size_bits, builder.not_(mask))
        return builder.bitcast(builder.or_(kept, builder.and_(sign_bits, mask)), args[0].type)

    return size(size, size), codegen


def _form(kind: Any) -> tuple[Any, int, int, Any]:
    """The integer type of the same size, the numbers of mantissa and exponent bits, and the NumPy type."""
    return (_I32, 23, 8, np.float32) if kind == types.float32 else (_I64, 52, 11, np.float64)


@implements(primitives.power_of_two)
def power_of_two(typing_context, shifted):
    integer, mantissa, _, _ = _form(shifted)

    def codegen(context, builder, signature, args):
        bits = builder.bitcast(args[0], integer)
        return builder.bitcast(builder.shl(bits, integer(mantissa)), args[0].type)

    return shifted(shifted), codegen


@implements(primitives.split)
def split(typing_context, x):
    integer, mantissa, exponent, numpy = _form(x)
    bias = (1 << (exponent - 1)) - 1
    one = bias << mantissa
    half_root = int(numpy(0.5**0.5).view(f"i{x.bitwidth // 8}"))
    whole = float(1 << mantissa)  # a float whose last bits count units

    def codegen(context, builder, signature, args):
        kind = args[0].type
        bits = builder.bitcast(args[0], integer)
        moved = builder.add(bits, integer(one - half_root))
        counted = builder.or_(builder.lshr(moved, integer(mantissa)), builder.bitcast(kind(whole), integer))
        k = builder.fsub(builder.bitcast(counted, kind), kind(whole + bias))
        power = builder.sub(builder.and_(moved, integer(-1 << mantissa)), integer(one))
        m = builder.bitcast(builder.sub(bits, power), kind)
        return context.make_tuple(builder, types.UniTuple(x, 2), [m, k])

    return types.UniTuple(x, 2)(x), codegen


def is_elementary(function: FunctionType) -> bool:
    """Whether a function, or what it is a copy of, is made of primitives."""
    return function.__module__ in {module.__name__ for module in _MADE}


def itself(function: FunctionType) -> Callable[..., FunctionType]:
    """An overload that is the function itself, for arguments of all types."""
    return lambda *args, **kwargs: function


for _module in _MADE:
    for _value in list(vars(_module).values()):
        if isinstance(_value, FunctionType) and _value.__module__ == _module.__name__:
            overload(_value, jit_options=OPTIONS, strict=False)(itself(_value))
