"""The CPU kernel: one pass over pred and target for the loss's sum and derivatives.

The sum has one fixed shape, whatever the machine and the number of threads. Element ``i``
of a chunk is added to lane ``i % LANES``; a chunk's lanes are folded in halves; the chunks'
sums are folded as a pairwise tree. All of it is float64. An aligned block of 2**k chunks is
a subtree, so sums of such blocks fold to the same bits as one call over all of them.
"""

from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np
from numba import prange, types
from numba.core import cgutils
from numba.extending import intrinsic, overload, register_jitable
from numba.np.numpy_support import from_dtype

from fastloss._cpu.variant import Variant
from fastloss._formula.element import CHUNK, LANES, at, element_of


def make_kernel(formula: Callable[..., Any], variant: Variant, name: str) -> Callable[..., Any]:
    """A kernel for one formula, as a plain function for Numba to compile.

    It takes flat arrays and returns the sum of the losses, or 0 if they are not summed.
    Operands and outputs that are None are left out; parameters are numbers or arrays. No
    other kernel that is kept on disk may have its `name`.
    """
    element = element_of(formula, variant.dtype.type)
    row = _row_of(element)
    chunk_of_formula = _chunk_of(row, variant.summed, variant.in_place)
    for part in (element, row, chunk_of_formula):
        part.__qualname__ = f"{name}.{part.__name__}"
    # Not a closure, which Numba would pickle into the key of its index on disk, to other bytes now and then.
    made = FunctionType(kernel.__code__, globals() | {"chunk": chunk_of_formula}, name)
    made.__qualname__ = name
    return made


chunk: Any = None  # a kernel has the chunk of its formula here


def kernel(pred, target, weight, where, params, scale, loss_out, grad_out, hess_out):
    pred, target, weight, where = borrowed(pred), borrowed(target), borrowed(weight), borrowed(where)
    params = borrowed(params)
    loss_out, grad_out, hess_out = borrowed(loss_out), borrowed(grad_out), borrowed(hess_out)
    chunks = (pred.size + CHUNK - 1) // CHUNK
    partials = np.empty(chunks)
    ended = np.zeros(chunks, np.bool_)
    for c in prange(chunks):
        lo = c * CHUNK
        hi = min(lo + CHUNK, pred.size)
        partials[c] = chunk(
            pred[lo:hi],
            target[lo:hi],
            of_chunk(weight, lo, hi),
            of_chunk(where, lo, hi),
            of_chunk(params, lo, hi),
            scale,
            cut(loss_out, lo, hi),
            cut(grad_out, lo, hi),
            cut(hess_out, lo, hi),
        )
        ended[c] = True
    check(ended)
    return fold_pairs(partials)


def _chunk_of(row: Callable[..., Any], summed: bool, in_place: bool) -> Callable[..., Any]:
    fetch = _copied if in_place else _viewed

    @register_jitable
    def chunk(pred, target, weight, where, params, scale, loss_out, grad_out, hess_out):
        lanes = np.zeros(LANES) if summed else None
        pred_row = np.empty(LANES, pred.dtype) if in_place else None
        target_row = np.empty(LANES, target.dtype) if in_place else None
        for lo in range(0, pred.size, LANES):
            hi = min(lo + LANES, pred.size)
            row(
                fetch(pred, lo, hi, pred_row),
                fetch(target, lo, hi, target_row),
                cut(weight, lo, hi),
                cut(where, lo, hi),
                cut(params, lo, hi),
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
def _row_of(element: Callable[..., Any]) -> Callable[..., Any]:
    @register_jitable(forceinline=True)
    def row(pred, target, weight, where, params, scale, loss_out, grad_out, hess_out, lanes):
        for k in range(pred.size):
            value, grad, hess = element(pred[k], target[k], at(weight, k), at(where, k), at(params, k), scale)
            if lanes is not None:
                lanes[k] += value
            if loss_out is not None:
                loss_out[k] = value
            if grad_out is not None:
                grad_out[k] = grad
            if hess_out is not None:
                hess_out[k] = hess

    return row


def signature(variant: Variant) -> tuple[Any, ...]:
    """The types of a kernel's arguments; inputs as read-only, which takes writeable ones too."""

    def given(kind):
        if kind is None:
            return types.none
        dtype, axes = (kind, 1) if isinstance(kind, np.dtype) else (kind.dtype, 2)
        return types.Array(from_dtype(dtype), axes, "C", readonly=True)

    params = [types.float64 if kind is None else given(kind) for kind in variant.params]
    outs = [
        types.Array(from_dtype(variant.out), 1, "C") if written else types.none
        for written in (variant.loss_out, variant.grad_out, variant.hess_out)
    ]
    inputs = [given(dtype) for dtype in (variant.pred, variant.target, variant.weight, variant.where)]
    return *inputs, types.Tuple(params), types.float64, *outs


@register_jitable
def check(ended):
    """Refuse a result of which a part is missing: Numba loses what its threads raise, out of memory say."""
    for each in ended:
        if not each:
            raise RuntimeError("a thread ended early, out of memory perhaps: the results are not complete")


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
    """An operand's arrays without their owner.

    The caller holds the arrays while the kernel runs. Without an owner their slices are not
    counted, atomically, row by row: 1.3 x the speed in cache, 0.12 us less a call.
    """
    return x


@overload(borrowed)
def _borrowed(x):
    if isinstance(x, types.Array):
        return lambda x: _without_owner(x)
    if isinstance(x, types.BaseTuple) and len(x) > 0:
        return lambda x: (borrowed(x[0]),) + borrowed(x[1:])  # noqa: RUF005 (Numba)
    return lambda x: x


@intrinsic
def _without_owner(typing_context, x):
    def codegen(context, builder, signature, args):
        array = context.make_array(signature.return_type)(context, builder, value=args[0])
        array.meminfo = cgutils.get_null_value(array.meminfo.type)
        array.parent = cgutils.get_null_value(array.parent.type)
        return array._getvalue()

    return x(x), codegen


def cut(x: Any, lo: int, hi: int) -> Any:
    """A slice of an operand: of an array or of each array in a tuple; a number or None stays.

    A 2-D array holds a row a few times, which the operand repeats without end.
    """
    if isinstance(x, tuple):
        return tuple(cut(each, lo, hi) for each in x)
    if isinstance(x, np.ndarray):
        return _cut_rows(x, lo, hi) if x.ndim == 2 else x[lo:hi]
    return x


# As an overload, not a branch, which Numba would type as an optional array and not vectorise.
@overload(cut)
def _cut(x, lo, hi):
    if isinstance(x, types.Array) and x.ndim == 2:
        return lambda x, lo, hi: _cut_rows(x, lo, hi)
    if isinstance(x, types.Array):
        return lambda x, lo, hi: x[lo:hi]
    if isinstance(x, types.BaseTuple) and len(x) > 0:
        return lambda x, lo, hi: (cut(x[0], lo, hi),) + cut(x[1:], lo, hi)  # noqa: RUF005 (Numba)
    return lambda x, lo, hi: x


@register_jitable
def _cut_rows(x, lo, hi):
    start = lo % x.shape[1]
    return x.reshape(-1)[start : start + hi - lo]


def of_chunk(x: Any, lo: int, hi: int) -> Any:
    """What a chunk gets of an operand: a slice, or the repeated row from where the chunk starts.

    Lanes are cut of that one by one: it stays in the first cache, which a whole chunk of it would not.
    """
    if isinstance(x, tuple):
        return tuple(of_chunk(each, lo, hi) for each in x)
    return _rolled(x, lo) if isinstance(x, np.ndarray) and x.ndim == 2 else cut(x, lo, hi)


@overload(of_chunk)
def _of_chunk(x, lo, hi):
    if isinstance(x, types.Array) and x.ndim == 2:
        return lambda x, lo, hi: _rolled(x, lo)
    if isinstance(x, types.BaseTuple) and len(x) > 0:
        return lambda x, lo, hi: (of_chunk(x[0], lo, hi),) + of_chunk(x[1:], lo, hi)  # noqa: RUF005 (Numba)
    return lambda x, lo, hi: cut(x, lo, hi)


@register_jitable
def _rolled(x, lo):
    rows, columns = x.shape
    start = lo % columns
    return x.reshape(-1)[start : start + (rows - 1) * columns].reshape((rows - 1, columns))
