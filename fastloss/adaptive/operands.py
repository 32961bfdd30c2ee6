"""Access to the operands of the kernel of `moments`, whose mask may be None."""

from typing import Any

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload


def at(x: Any, k: int) -> Any:
    """An element of an array; None if that is None."""
    return x[k] if isinstance(x, np.ndarray) else x


@overload(at)
def _at(x, k):
    return (lambda x, k: x[k]) if isinstance(x, types.Array) else (lambda x, k: x)


def cut(x: Any, lo: int, hi: int) -> Any:
    """A slice of an array; None if that is None."""
    return x if x is None else x[lo:hi]


@overload(cut)
def _cut(x, lo, hi):
    return (lambda x, lo, hi: x[lo:hi]) if isinstance(x, types.Array) else (lambda x, lo, hi: x)


def borrowed(x: Any) -> Any:
    """An array without its owner; None if that is None.

    The caller holds the array while the kernel runs. Without an owner, the references of its slices are not
    counted, atomically, for each row: 1.3 times the speed in cache, and 0.12 us less per call.
    """
    return x


@overload(borrowed)
def _borrowed(x):
    return (lambda x: _without_owner(x)) if isinstance(x, types.Array) else (lambda x: x)


@intrinsic
def _without_owner(typing_context, x):
    def codegen(context, builder, signature, args):
        array = context.make_array(signature.return_type)(context, builder, value=args[0])
        array.meminfo = cgutils.get_null_value(array.meminfo.type)
        array.parent = cgutils.get_null_value(array.parent.type)
        return array._getvalue()

    return x(x), codegen
