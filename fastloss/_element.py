"""What every kernel does with one element, on any processor."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types
from numba.extending import overload, register_jitable

#: The shape of the sum: element `i` of a chunk belongs to lane ``i % LANES``.
LANES = 512
CHUNK = 32 * LANES


def element_of(formula: Callable[..., Any], T: type) -> Callable[..., Any]:
    """The value and derivatives of one element: weighted, scaled and masked, in the type to compute in."""

    @register_jitable(forceinline=True)
    def element(pred, target, weight, keep, params, scale):
        value, grad, hess = formula(T(pred), T(target), *cast(params, T(0)))
        value, grad, hess = T(value), T(grad), T(hess)
        if weight is not None:
            value, grad, hess = T(weight) * value, T(weight) * grad, T(weight) * hess
        grad, hess = grad * T(scale), hess * T(scale)
        # A choice, not a product: what is left out may be NaN.
        if keep is not None and not keep:
            value, grad, hess = T(0), T(0), T(0)
        return value, grad, hess

    return element


def at(x: Any, k: int) -> Any:
    """One element of an operand: of an array or of each array in a tuple; a number or None stays."""
    if isinstance(x, tuple):
        return tuple(at(each, k) for each in x)
    return x[k] if isinstance(x, np.ndarray) else x


@overload(at)
def _at(x, k):
    if isinstance(x, types.Array):
        return lambda x, k: x[k]
    if isinstance(x, types.BaseTuple) and len(x) > 0:
        return lambda x, k: (at(x[0], k),) + at(x[1:], k)  # noqa: RUF005 (Numba)
    return lambda x, k: x


def cast(params: tuple[Any, ...], like: Any) -> tuple[Any, ...]:
    """Numbers in the type of another."""
    return tuple(type(like)(param) for param in params)


@overload(cast)
def _cast(params, like):
    if len(params) == 0:
        return lambda params, like: ()
    return lambda params, like: (type(like)(params[0]),) + cast(params[1:], like)  # noqa: RUF005 (Numba)
