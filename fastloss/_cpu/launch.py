"""One pass over arrays of any layout: in one launch, or in blocks that kernels can take."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from fastloss._cpu import blocks as _blocks
from fastloss._cpu import threads as _threads
from fastloss._cpu.variant import Columns, Variant
from fastloss._definition.definition import Definition
from fastloss._rules.arrays import is_direct
from fastloss._rules.plan import Outputs

Array = np.ndarray[Any, Any]
DType = np.dtype[Any]
Kernel = Callable[..., float]
#: What is told, now and then, how many elements of how many are done.
Progress = Callable[[int, int], None]

# Elements from which several threads are used. Two idle cores gain 1.3 x at 2^15, 1.8 x while all fits
# the caches and 1.4 x from 2^22 on. But beside one other busy process a launch took 7 ms at any size,
# 30 x the serial time at 2^19, 4 x at 2^22, no more than it from 2^23 on: so only large calls risk it.
PARALLEL_FROM = 1 << 22
# Elements from which a kernel is compiled for the very types of the operands (a second or two, once):
# int16 and float32 together run at 3 x the speed of copies in the type to compute in.
NATIVE_FROM = 1 << 20
# Elements in a block that is copied. Its copies stay in the caches, and what Python does for a block
# (10 us) is little beside it: half as many are slower by a third, twice as many no faster. A power of
# two of chunks, for the sum's sake.
COPIED = 1 << 18
# Elements in a block of a launch that is watched, which can be told of and interrupted in between.
WATCHED = 1 << 24


class Inputs(NamedTuple):
    """What a launch reads: arrays of one shape; their elements count in C order."""

    pred: Array
    target: Array
    weight: Array | None = None
    where: Array | None = None
    params: tuple[float | Array, ...] = ()


def launch(
    loss: Definition,
    dtype: DType,
    inputs: Inputs,
    scale: float,
    outs: Outputs,
    *,
    summed: bool,
    in_place: bool = False,
    progress: Progress | None = None,
) -> float:
    """Write the outputs given and return the sum of the losses, or 0 if not `summed`."""
    operands: list[Any] = [*inputs[:4], *inputs.params, *outs]
    size = inputs.pred.size
    rows = _repeated(operands) if size >= NATIVE_FROM and progress is None else {}
    arrays = [x for place, x in enumerate(operands) if isinstance(x, np.ndarray) and place not in rows]
    direct = all(is_direct(x) and (size >= NATIVE_FROM or x.dtype in (dtype, bool)) for x in arrays)
    types: list[Any] = [_type_in_kernel(x, dtype, direct) for x in operands]
    for place, row in rows.items() if direct else ():
        types[place] = Columns(row.dtype if row.dtype.kind == "b" else dtype)
        operands[place] = _blocks.tile(row, types[place].dtype)
    threads = _threads.threads() if size >= PARALLEL_FROM else 1
    variant = _variant(dtype, types, summed, in_place, parallel=direct and threads > 1)
    kernel = kernel_of(loss, variant)

    def run(arguments: list[Any]) -> float:
        return kernel(*arguments[:4], tuple(arguments[4:-3]), scale, *arguments[-3:])

    if direct and progress is None:
        for place, x in enumerate(operands):
            if isinstance(x, np.ndarray) and place not in rows:
                operands[place] = x.reshape(-1)
        return run(operands)
    step, workers = (WATCHED, 1) if direct else (COPIED, threads)
    return _blocks.Work(run, operands, types, inputs.pred.shape, step, progress).total(workers)


def _repeated(operands: list[Any]) -> dict[int, Array]:
    """Of the weights, mask and parameters those that repeat a row, by their place."""
    rows = {place: _blocks.repeated_row(operands[place]) for place in range(2, len(operands) - 3)}
    return {place: row for place, row in rows.items() if row is not None}


def _type_in_kernel(x: Any, dtype: DType, direct: bool) -> DType | None:
    """The type of an operand when the kernel gets it; None if that is no array."""
    if not isinstance(x, np.ndarray):
        return None
    return x.dtype if direct or x.dtype.kind == "b" else dtype


def _variant(dtype: DType, types: list[Any], summed: bool, in_place: bool, parallel: bool) -> Variant:
    pred, target, weight, where, *params, loss_out, grad_out, hess_out = types
    return Variant(
        dtype,
        pred,
        target,
        weight,
        where,
        tuple(params),
        loss_out or grad_out or hess_out or dtype,  # they are of one type
        loss_out is not None,
        grad_out is not None,
        hess_out is not None,
        summed,
        in_place,
        parallel,
    )


def kernel_of(loss: Definition, variant: Variant) -> Kernel:
    """The kernel of a variant, compiled at its first use."""
    kernel: Kernel | None = loss._kernels.get(variant)
    if kernel is None:
        from fastloss._compile import store  # loads Numba's compiler
        from fastloss._cpu import kernel as kernels

        kernel = store.compile_kernel(loss, variant, kernels)
    return kernel
