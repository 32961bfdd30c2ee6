"""Losses in the user's own compiled code: how Numba compiles a call of a loss with scalars.

Numba imports this module through an entry point before it compiles anything, and `fastloss.math` with it.
"""

from collections.abc import Callable
from functools import cache
from inspect import Parameter, Signature
from typing import Any

import numpy as np
from numba import types
from numba.core.datamodel.models import OpaqueModel
from numba.core.errors import TypingError
from numba.core.imputils import lower_constant, lower_getattr_generic
from numba.core.typing.templates import AttributeTemplate, infer_getattr, make_intrinsic_template
from numba.core.typing.typeof import typeof_impl
from numba.extending import register_jitable, register_model

from fastloss._compile import elementary
from fastloss._compile.code import function_of, make_callable, source_of
from fastloss._definition.definition import Definition
from fastloss._formula.element import element_of
from fastloss._rules import options

__all__ = ["elementary", "register"]

_ITSELF = "__call__"
#: The calls of a loss, and what each returns; IRLS weights take the place of the gradient.
_CALLS = {_ITSELF if name == "value" else name: wanted for name, wanted in options.CALLS.items()}
_CALLS[options.IRLS] = options.CALLS["grad"]


class LossType(types.Function):
    """A loss, which can be called for its value."""

    def __init__(self, loss: Definition) -> None:
        self.loss = loss
        super().__init__(_template(loss, _ITSELF))


register_model(LossType)(OpaqueModel)


@typeof_impl.register(Definition)
def _typeof(loss: Definition, context: Any) -> LossType:
    return _type_of(loss)


@cache
def _type_of(loss: Definition) -> LossType:
    return LossType(loss)  # kept, because it records the types that it was called with


@lower_constant(LossType)
def _constant(context, builder, kind, value):
    return context.get_dummy_value()


@infer_getattr
class _Calls(AttributeTemplate):
    key = LossType

    def generic_resolve(self, kind, name):
        known = name in _CALLS and name != _ITSELF  # which `types.Function` handles itself
        return types.Function(_template(kind.loss, name)) if known else None


@lower_getattr_generic(LossType)
def _call(context, builder, kind, value, name):
    return context.get_dummy_value()


@cache
def _template(loss: Definition, name: str) -> Any:
    """The template by which Numba types one call of a loss."""
    defaults: list[Any] = [Parameter.empty, Parameter.empty]
    defaults += [Parameter.empty if x.default is None else x.default for x in loss.domains.values()]
    names = ["_typing_context", "pred", "target", *loss.domains]
    kind = Parameter.POSITIONAL_OR_KEYWORD
    signature = Signature(
        [
            Parameter(each, kind, default=x)
            for each, x in zip(names, [Parameter.empty, *defaults], strict=True)
        ]
    )

    def definition(*given: Any, **named: Any) -> Any:
        try:
            bound = signature.bind(*given, **named)
        except TypeError as error:
            raise TypingError(
                f"{loss.name}: {error}; compiled code must call it with {', '.join(names[1:])}"
            ) from None
        bound.apply_defaults()
        context, *operands = bound.arguments.values()
        return _typed(loss, name, context, [_number(loss, x) for x in operands])

    definition.__signature__ = signature  # type: ignore[attr-defined]
    return make_intrinsic_template(loss, definition, f"{loss.name}.{name}")


def _number(loss: Definition, kind: Any) -> Any:
    """The type of a scalar argument; a default has the type float64."""
    if isinstance(kind, float | types.Omitted):
        return types.float64
    if isinstance(kind, types.Number | types.Boolean) and not isinstance(kind, types.Complex):
        return kind
    raise TypingError(
        f"{loss.name}: compiled code must call a loss with scalars, got {kind}; "
        "loop over the elements, or call the loss outside compiled code, which is as fast on arrays"
    )


def _typed(loss: Definition, name: str, context: Any, operands: list[Any]) -> Any:
    """The signature of a call, and the function that lowers it."""
    narrow = all(kind == types.float32 for kind in operands[:2])
    T = np.float32 if narrow else np.float64
    number = types.float32 if narrow else types.float64
    element = _element(loss._weights if name == options.IRLS else loss, T, _target(context))
    context.refresh()  # the function may be new to the context
    function = context.resolve_value_type(element)
    params = types.Tuple((number,) * (len(operands) - 2))
    called = context.resolve_function_type(function, (number, number, params), {})
    indices = [k for k, is_wanted in enumerate(_CALLS[name]) if is_wanted]

    def codegen(context, builder, signature, args):
        # Numba keeps the code under one key for all targets, and would call that of the target typed last.
        context.typing_context.resolve_function_type(function, called.args, {})
        numbers = [
            context.cast(builder, x, kind, number) for x, kind in zip(args, signature.args, strict=True)
        ]
        packed = context.make_tuple(builder, params, numbers[2:])
        found = context.get_function(function, called)(builder, [*numbers[:2], packed])
        wanted = [builder.extract_value(found, k) for k in indices]
        return wanted[0] if len(wanted) == 1 else context.make_tuple(builder, signature.return_type, wanted)

    result = number if len(indices) == 1 else types.UniTuple(number, len(indices))
    return result(*operands), codegen


def _target(context: Any) -> str:
    """The Numba target that code is compiled for."""
    return "cuda" if "CUDA" in type(context).__name__ else "cpu"


@cache
def _element(loss: Definition, T: type, target: str) -> Callable[..., Any]:
    """Value and derivatives of one element, as fastloss's own kernels compute them."""
    make_callable(source_of(loss), target)
    element = element_of(function_of(loss), T, loss.operands, loss.irls)

    @register_jitable(forceinline=True)
    def of_numbers(pred, target, params):
        return element(pred, target, None, None, params, 1.0)

    return of_numbers


def register() -> None:
    """Do nothing: the entry point needs a function, and the import has registered all types."""
