"""One launch of a kernel over arrays of any type and layout."""

import os
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from fastloss._compile import uninterrupted
from fastloss._cpu import contention
from fastloss._cpu import threads as _threads
from fastloss._cpu.layouts import Table
from fastloss._cpu.streaming import STREAMED_FROM, Way, choices
from fastloss._cpu.table_format import LOSS_OUT, PARAMS, PRED, TARGET, WEIGHT, WHERE
from fastloss._cpu.variant import Variant
from fastloss._definition.definition import Definition
from fastloss._rules.plan import Outputs

Array = np.ndarray[Any, Any]
DType = np.dtype[Any]
Kernel = Callable[..., float]
#: A callback that is called now and then with the number of elements done and that of all elements.
Progress = Callable[[int, int], None]

# Several threads are used from this product of elements and threads on. Two idle cores are 1.3 times as fast
# as one at 2^15 elements, and 1.8 times while everything fits the caches. But beside one other busy process a
# launch took 7 ms at any size, 30 times the serial time at 2^19, so only large calls risk it.
PARALLEL_FROM = 1 << 22
# Elements in a block of a launch that reports progress, and can be interrupted, between blocks.
WATCHED = 1 << 24

PROCESSORS = os.cpu_count() or 1


class Inputs(NamedTuple):
    """What a launch reads: arrays of one shape, whose elements are taken in C order."""

    pred: Array
    target: Array
    weight: Array | None = None
    where: Array | None = None
    params: tuple[float | Array, ...] = ()


def threads_for(size: int) -> int:
    """The number of threads for a launch over `size` elements."""
    if size * PROCESSORS < PARALLEL_FROM:  # without asking Numba, which would start its threads
        return 1
    threads = _threads.threads()
    return threads if size * threads >= PARALLEL_FROM else 1


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
    size = inputs.pred.size
    pred, target, weight, where, params = inputs
    variant = variant_of(dtype, weight, where, params, outs, summed, parallel=threads_for(size) > 1)
    kernel = kernel_of(loss, variant)
    take = (table := Table(dtype, len(params))).take
    given = take(PRED, pred), take(TARGET, target), take(WEIGHT, weight), take(WHERE, where)
    held = tuple([take(operand, x) for operand, x in enumerate(params, PARAMS)])
    choice = None
    if size >= STREAMED_FROM and any(x is not None for x in outs) and not in_place:
        choice = choices[variant, tuple([x.dtype for x in (pred, target, *outs) if x is not None])]
    way: Way = "put" if choice is None else choice.way()
    written = [take(operand, x, way, not in_place) for operand, x in enumerate(outs, LOSS_OUT)]
    layouts = table.as_array()

    def run(start: int, stop: int) -> float:
        return kernel(layouts, start, stop, *given, held, scale, *written)

    crowded = variant.parallel and contention.is_crowded(lambda: run(0, 0))
    if crowded:
        kernel = kernel_of(loss, variant._replace(parallel=False))
    begun = perf_counter()
    total = run(0, size) if progress is None else _watched(run, size, progress)
    if choice is not None and not crowded:
        choice.note(way, (perf_counter() - begun) / size)
    table.write_copies()
    return total


def variant_of(
    dtype: DType,
    weight: Any,
    where: Any,
    params: tuple[Any, ...],
    outs: Sequence[Any],
    summed: bool,
    parallel: bool,
) -> Variant:
    """The variant of the kernel that takes these operands and outputs."""
    arrays = tuple([isinstance(x, np.ndarray) for x in params])
    written = outs[0] is not None, outs[1] is not None, outs[2] is not None
    return Variant(dtype, weight is not None, where is not None, arrays, *written, summed, parallel)


def _watched(run: Callable[[int, int], float], size: int, progress: Progress) -> float:
    """Run in blocks of a power of two of chunks, whose sums fold to the bits of one launch."""
    sums = np.zeros(-(-size // WATCHED))
    for block in range(sums.size):
        stop = min((block + 1) * WATCHED, size)
        sums[block] = run(block * WATCHED, stop)
        progress(stop, size)
    return folded(sums)


def folded(sums: Array | list[float]) -> float:
    """The sum of the sums of blocks, which are aligned subtrees of the tree that one launch folds."""
    from fastloss._cpu import kernel  # loads Numba's compiler

    fold: Any = kernel.fold_pairs
    with np.errstate(all="ignore"):
        return float(fold(np.array(sums)))


def kernel_of(loss: Definition, variant: Variant) -> Kernel:
    """The kernel of a variant, compiled at first use."""
    kernel: Kernel | None = loss._kernels.get(variant)
    if kernel is None:
        uninterrupted.load("fastloss._cpu.kernels")
        from fastloss._cpu import kernels  # loads Numba's compiler

        kernel = uninterrupted.run(kernels.make, loss, variant)
    return kernel
