"""Blocks of arrays of any layout, copied to where a kernel can take them.

NumPy's own iterator does not serve here: since NumPy 2.3 its buffers can be shorter than asked
for, which would change the sum's shape, and it holds the interpreter's lock while it copies.
"""

from collections.abc import Callable, Iterator, Sequence
from math import prod
from typing import Any

import numpy as np

from fastloss._rules.arrays import is_direct

Array = np.ndarray[Any, Any]
DType = np.dtype[Any]
Index = tuple[int | slice, ...]

_LONGEST_ROW = 1 << 14  # of those that repeat: a few of them stay in the second cache


def repeated_row(x: Any) -> Array | None:
    """The row that an array repeats along its first axes, if it does and the row is not too long."""
    if not isinstance(x, np.ndarray) or x.size == 0:
        return None
    repeats = [step == 0 or size == 1 for size, step in zip(x.shape, x.strides, strict=True)]
    axes = x.ndim
    while axes and (not repeats[axes - 1] or x.shape[axes - 1] == 1):
        axes -= 1  # those before it repeat the rest
    row = np.asarray(x[(0,) * axes])
    return row if axes and all(repeats[:axes]) and row.size <= _LONGEST_ROW else None


def tile(row: Array, dtype: DType) -> Array:
    """A row so many times that the lanes of a chunk that starts in the first can start in the second."""
    from fastloss._formula.element import LANES  # loads Numba

    rows = np.empty((2 - (-LANES // row.size), row.size), dtype)
    with np.errstate(all="ignore"):  # as kernels are
        np.copyto(rows, row.reshape(-1), casting="unsafe")
    return rows


def boxes(shape: Sequence[int], lo: int, hi: int) -> Iterator[Index]:
    """Indices of the fewest boxes that hold the elements from lo to hi, in C order."""
    if len(shape) == 1:
        yield (slice(lo, hi),)
        return
    row = prod(shape[1:])
    first, skipped = divmod(lo, row)
    last, rest = divmod(hi, row)
    if first == last:
        yield from ((first, *box) for box in boxes(shape[1:], skipped, rest))
        return
    if skipped:
        yield from ((first, *box) for box in boxes(shape[1:], skipped, row))
        first += 1
    if first < last:
        yield (slice(first, last),)
    if rest:
        yield from ((last, *box) for box in boxes(shape[1:], 0, rest))


class Work:
    """A kernel's work on blocks of its operands.

    Parameters
    ----------
    run : callable
        The kernel: from a block of every operand to the block's sum. The last three
        operands are its outputs.
    operands : list of ndarray, float or None
        Arrays of one shape, whose elements count in C order.
    types : list of dtype or None
        The type in which the kernel takes each array.
    shape : tuple of int
    step : int
        Elements of a block: a power of two of chunks, so that the blocks' sums fold to the
        bits of a single launch.
    progress : callable, optional
        Told how many elements of how many are done.
    """

    def __init__(
        self,
        run: Callable[[list[Any]], float],
        operands: list[Any],
        types: list[DType | None],
        shape: Sequence[int],
        step: int,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self.run, self.progress = run, progress
        self.shape, self.size, self.step = shape, prod(shape), step
        self.operands = operands.copy()
        self.copied: list[DType | None] = [None] * len(operands)  # the types of those that must be
        for place, (x, dtype) in enumerate(zip(operands, types, strict=True)):
            if dtype is not None and x.dtype == dtype and is_direct(x):
                self.operands[place] = x.reshape(-1)
            else:
                self.copied[place] = dtype
        self.sums = np.zeros(-(-self.size // step))
        self.stopped = False

    def total(self, workers: int) -> float:
        """Do all of it in so many threads; return the sum."""
        from fastloss._cpu import kernel

        if workers == 1:
            self._share(0, 1)
        else:
            self._in_threads(workers)
        fold: Any = kernel.fold_pairs
        with np.errstate(all="ignore"):
            return float(fold(self.sums))

    def _in_threads(self, workers: int) -> None:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(workers - 1) as others:
            try:
                results = [others.submit(self._share, worker, workers) for worker in range(1, workers)]
                self._share(0, workers)
                for result in results:
                    result.result()
            finally:
                self.stopped = True  # whatever interrupts this thread ends the others

    def _share(self, worker: int, workers: int) -> None:
        """Do every so many-th block, until another thread fails or is interrupted."""
        length = min(self.step, self.size)
        copies = [None if dtype is None else np.empty(length, dtype) for dtype in self.copied]
        try:
            # Kernels are silent about overflow and NaN; so are the copies from and to other types.
            with np.errstate(all="ignore"):
                for block in range(worker, self.sums.size, workers):
                    if self.stopped:
                        return
                    self._do(block, copies)
                    if self.progress is not None and worker == 0:
                        self.progress(min((block + workers) * self.step, self.size), self.size)
        except BaseException:
            self.stopped = True
            raise

    def _do(self, block: int, copies: list[Array | None]) -> None:
        lo = block * self.step
        hi = min(lo + self.step, self.size)
        whole = all(copy is None for copy in copies)
        found = [] if whole else list(boxes(self.shape, lo, hi))
        inputs = len(copies) - 3
        arguments: list[Any] = []
        for place, (x, copy) in enumerate(zip(self.operands, copies, strict=True)):
            if copy is None:
                arguments.append(x[lo:hi] if isinstance(x, np.ndarray) else x)
                continue
            if place == 1 and x is self.operands[0]:  # target is pred, in a prepass
                arguments.append(arguments[0])
                continue
            if place < inputs:
                for box, part in _pairs(x, copy, found):
                    np.copyto(part, box, casting="unsafe")
            arguments.append(copy[: hi - lo])
        self.sums[block] = self.run(arguments)
        for x, copy in zip(self.operands[inputs:], copies[inputs:], strict=True):
            if copy is not None:
                for box, part in _pairs(x, copy, found):
                    np.copyto(box, part, casting="unsafe")


def _pairs(x: Array, copy: Array, boxes: list[Index]) -> Iterator[tuple[Array, Array]]:
    """What to copy: each box of an array, with its part of the copy."""
    done = 0
    for index in boxes:
        box = x[index]
        part = copy[done : done + box.size].reshape(box.shape)
        done += box.size
        if _is_narrow(box):
            for k in range(box.shape[-1]):
                yield box[..., k], part[..., k]
        else:
            yield box, part


def _is_narrow(box: Array) -> bool:
    """Whether NumPy would copy row by row where rows are so short that columns are faster (3 x at 4)."""
    return box.ndim > 1 and box.shape[-1] < 8 and box.strides[-2] != box.shape[-1] * box.strides[-1]
