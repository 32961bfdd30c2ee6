"""A loss's part of the CPU kernel: a row function, which applies the formula to one row of every operand.

The kernel calls it by its address, so that only this function has to be compiled for a new loss.
"""

from collections.abc import Callable
from typing import Any

from numba import types
from numba.extending import register_jitable
from numba.np.numpy_support import from_dtype

from fastloss._compile import store
from fastloss._cpu.intrinsics import apart, at
from fastloss._cpu.variant import Variant
from fastloss._definition.domain import Operands
from fastloss._formula.element import element_of

SIGNATURE = types.CPointer(types.int64), types.CPointer(types.float64), types.int64

# Placeholders: each row function has the loop of its formula, and what calls that with pointers, instead.
loop: Any = None
call_apart: Any = None


def make_kernel(
    formula: Callable[..., Any],
    variant: Variant,
    name: str,
    operands: Operands,
    irls: str | None,
) -> Callable[..., Any]:
    """The row function of one formula, as a plain function for Numba to compile.

    It takes the addresses of all operands, in the order of `fastloss._cpu.table_format`; the scale of
    derivatives and the parameters that are numbers; and the number of elements. No other function on disk
    may have its `name`.
    """
    element = element_of(formula, variant.dtype.type, operands, irls)
    loop_of_formula = _loop_of(element)
    for part in (element, loop_of_formula):
        part.__qualname__ = f"{name}.{part.__name__}"
    return store.filled(row, name, loop=loop_of_formula, call_apart=apart(*_kinds(variant)))


def row(addresses, numbers, size):
    call_apart(loop, addresses, numbers, size)


def _loop_of(element: Callable[..., Any]) -> Callable[..., Any]:
    @register_jitable(forceinline=True)
    def loop(losses, loss_out, grad_out, hess_out, pred, target, weight, where, params, scale, size):
        for k in range(size):
            value, grad, hess = element(pred[k], target[k], at(weight, k), at(where, k), at(params, k), scale)
            if losses is not None:
                losses[k] = value
            if loss_out is not None:
                loss_out[k] = value
            if grad_out is not None:
                grad_out[k] = grad
            if hess_out is not None:
                hess_out[k] = hess

    return loop


def _kinds(variant: Variant) -> tuple[list[Any], list[Any]]:
    """The types of all operands, and of the parameters: pointers, None for those absent, or numbers."""
    pointer = types.CPointer(from_dtype(variant.dtype))
    outs = variant.summed, variant.loss_out, variant.grad_out, variant.hess_out
    given = [*outs, True, True, variant.weight]
    kinds: list[Any] = [pointer if each else types.none for each in given]
    kinds.append(types.CPointer(types.uint8) if variant.where else types.none)
    return kinds, [pointer if each else types.float64 for each in variant.params]
