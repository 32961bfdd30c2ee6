"""The CPU kernel: one pass over pred and target for the loss's sum and derivatives.

The sum has one fixed shape, whatever the machine and the number of threads. Element ``i``
of a chunk is added to lane ``i % LANES``; a chunk's lanes are folded in halves; the chunks'
sums are folded as a pairwise tree. All of it is float64. An aligned block of 2**k chunks is
a subtree, so sums of such blocks fold to the same bits as one call over all of them.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import prange, types
from numba.core import cgutils
from numba.extending import intrinsic, overload, register_jitable
from numba.np.numpy_support import from_dtype

if TYPE_CHECKING:
    from fastloss._host import Variant

LANES = 512
CHUNK = 32 * LANES


def make_kernel(formula: Callable[..., Any], summed: bool, in_place: bool, name: str) -> Callable[..., Any]:
    """A kernel for one formula, as a plain function for Numba to compile.

    It takes flat arrays and returns the sum of the losses, or 0 if not `summed`. Outputs
    that are None are left out. With `in_place` an output may be an input. No other kernel
    that is kept on disk may have its `name`.
    """
    row = _row_of(formula)
    chunk = _chunk_of(row, summed, in_place)

    def kernel(pred, target, params, scale, loss_out, grad_out, hess_out):
        pred, target = borrowed(pred), borrowed(target)
        loss_out, grad_out, hess_out = borrowed(loss_out), borrowed(grad_out), borrowed(hess_out)
        chunks = (pred.size + CHUNK - 1) // CHUNK
        partials = np.empty(chunks)
        for c in prange(chunks):
            lo = c * CHUNK
            hi = min(lo + CHUNK, pred.size)
            partials[c] = chunk(
                pred[lo:hi],
                target[lo:hi],
                params,
                scale,
                cut(loss_out, lo, hi),
                cut(grad_out, lo, hi),
                cut(hess_out, lo, hi),
            )
        return fold_pairs(partials)

    row.__qualname__, chunk.__qualname__ = f"{name}.row", f"{name}.chunk"
    kernel.__name__ = kernel.__qualname__ = name
    return kernel


def _chunk_of(row: Callable[..., Any], summed: bool, in_place: bool) -> Callable[..., Any]:
    fetch = _copied if in_place else _viewed

    @register_jitable
    def chunk(pred, target, params, scale, loss_out, grad_out, hess_out):
        lanes = np.zeros(LANES) if summed else None
        pred_row = np.empty(LANES, pred.dtype) if in_place else None
        target_row = np.empty(LANES, pred.dtype) if in_place else None
        for lo in range(0, pred.size, LANES):
            hi = min(lo + LANES, pred.size)
            row(
                fetch(pred, lo, hi, pred_row),
                fetch(target, lo, hi, target_row),
                params,
                scale,
                cut(loss_out, lo, hi),
                cut(grad_out, lo, hi),
                cut(hess_out, lo, hi),
                lanes,
            )
        return fold_lanes(lanes) if summed else 0.0

    return chunk


# Slices indexed from 0 vectorise; offsets into the whole arrays don't (4.6 x slower). Inlining gains
# 1.05 x. Outside the caches wider forms lose: two rows at a time run at 0.75 x the speed, prefetching
# at 0.95 x, nontemporal stores at 0.8 x; aligning the lanes changes nothing.
def _row_of(formula: Callable[..., Any]) -> Callable[..., Any]:
    @register_jitable(forceinline=True)
    def row(pred, target, params, scale, loss_out, grad_out, hess_out, lanes):
        T = pred.dtype.type
        for k in range(pred.size):
            value, grad, hess = formula(pred[k], target[k], *cast(params, pred[k]))
            if lanes is not None:
                lanes[k] += T(value)
            if loss_out is not None:
                loss_out[k] = value
            if grad_out is not None:
                grad_out[k] = T(grad) * T(scale)
            if hess_out is not None:
                hess_out[k] = T(hess) * T(scale)

    return row


def signature(variant: "Variant", parameters: int) -> tuple[Any, ...]:
    """The types of a kernel's arguments; inputs as read-only, which takes writeable ones too."""
    scalar = from_dtype(variant.dtype)
    given = types.Array(scalar, 1, "C", readonly=True)
    outs = [
        types.Array(scalar, 1, "C") if written else types.none
        for written in (variant.loss_out, variant.grad_out, variant.hess_out)
    ]
    return given, given, types.UniTuple(types.float64, parameters), types.float64, *outs


@register_jitable
def fold_lanes(lanes):
    half = LANES // 2
    while half > 0:
        for k in range(half):
            lanes[k] += lanes[k + half]
        half //= 2
    return lanes[0]


@register_jitable
def fold_pairs(partials):
    size = partials.size
    if size == 0:
        return 0.0
    while size > 1:
        for i in range(size // 2):
            partials[i] = partials[2 * i] + partials[2 * i + 1]
        if size % 2 == 1:
            partials[size // 2] = partials[size - 1]
        size = (size + 1) // 2
    return partials[0]


@register_jitable
def _viewed(x, lo, hi, scratch):
    return x[lo:hi]


# An output that is an input defeats the vectoriser, which must assume that a store changes the
# next load; a row copied aside first runs at full speed (7 x).
@register_jitable
def _copied(x, lo, hi, scratch):
    copy = scratch[: hi - lo]
    for k in range(hi - lo):
        copy[k] = x[lo + k]
    return copy


def borrowed(x: Any) -> Any:
    """An optional array without its owner.

    The caller holds the arrays while the kernel runs. Without an owner their slices are not
    counted, atomically, row by row: 1.3 x the speed in cache, 0.12 us less a call.
    """
    return x


@overload(borrowed)
def _borrowed(x):
    if x is types.none:
        return lambda x: None
    return lambda x: _without_owner(x)


@intrinsic
def _without_owner(typing_context, x):
    def codegen(context, builder, signature, args):
        array = context.make_array(signature.return_type)(context, builder, value=args[0])
        array.meminfo = cgutils.get_null_value(array.meminfo.type)
        array.parent = cgutils.get_null_value(array.parent.type)
        return array._getvalue()

    return x(x), codegen


def cut(x: Any, lo: int, hi: int) -> Any:
    """A slice of an optional array."""
    return None if x is None else x[lo:hi]


# As an overload, not a branch, which Numba would type as an optional array and not vectorise.
@overload(cut)
def _cut(x, lo, hi):
    if x is types.none:
        return lambda x, lo, hi: None
    return lambda x, lo, hi: x[lo:hi]


def cast(params: tuple[Any, ...], like: Any) -> tuple[Any, ...]:
    """The parameters in the type of an element."""
    return tuple(type(like)(param) for param in params)


@overload(cast)
def _cast(params, like):
    if len(params) == 0:
        return lambda params, like: ()
    return lambda params, like: (type(like)(params[0]),) + cast(params[1:], like)  # noqa: RUF005 (Numba)
