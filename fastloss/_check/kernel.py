"""A small kernel that evaluates a formula at many points, as the kernels of calls do it."""

from collections.abc import Callable
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.extending import register_jitable
from numba.np.numpy_support import from_dtype
from numba.np.unsafe.ndarray import to_fixed_tuple

from fastloss._definition.domain import ANYTHING, Operands
from fastloss._formula.element import element_of, settings

of_row: Any = None  # a kernel has the element of its formula here


class Variant(NamedTuple):
    """What tells the kernels of one formula apart."""

    dtype: np.dtype[Any]
    params: int
    parallel: bool = False


def make_kernel(
    formula: Callable[..., Any], variant: Variant, name: str, operands: Operands = ANYTHING
) -> Callable[..., Any]:
    """A kernel from rows of pred, target and parameters to rows of value, gradient and second derivative."""
    element, count = element_of(formula, variant.dtype.type, operands), variant.params
    fixed: Any = _plain_tuple if settings.DISABLE_JIT else to_fixed_tuple

    @register_jitable
    def of_row(row):
        return element(row[0], row[1], None, None, fixed(row[2:], count), 1)

    for part in (element, of_row):
        part.__qualname__ = f"{name}.{part.__name__}"
    made = FunctionType(kernel.__code__, globals() | {"of_row": of_row}, name)
    made.__qualname__ = name
    return made


def kernel(rows, found):
    for i in range(rows.shape[0]):
        found[i, 0], found[i, 1], found[i, 2] = of_row(rows[i])
    return 0.0


def signature(variant: Variant) -> tuple[Any, ...]:
    """The types that a kernel takes."""
    array = types.Array(from_dtype(variant.dtype), 2, "C")
    return array, array


def _plain_tuple(numbers: Any, count: int) -> tuple[Any, ...]:
    """The same where nothing is compiled."""
    return tuple(numbers)
