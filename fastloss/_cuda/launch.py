"""Launches of CUDA kernels, which are compiled at first use; the host does not wait for them."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numba import types
from numba.core.errors import NumbaError

from fastloss._compile import code
from fastloss._cuda import direct, queues
from fastloss._cuda.access import cuda
from fastloss._cuda.arguments import ArrayArgument, NumberArgument
from fastloss._cuda.kernel import THREADS, make_kernel
from fastloss._definition.definition import Definition
from fastloss._formula.sum import CHUNK

DType = np.dtype[Any]


class _NoneAsZero:
    """Passes None to a kernel, which Numba compiles for None but refuses to launch with it."""

    def prepare_args(self, type_: Any, value: Any, stream: Any, retr: Any) -> tuple[Any, Any]:
        return (types.uint64, 0) if value is None else (type_, value)


class Launch:
    """A kernel's launch on a queue, prepared except for its size, addresses and numbers.

    The host does not wait. The first launch goes through Numba, which compiles and loads the kernel; later
    ones go directly to the driver.

    Parameters
    ----------
    queue : Queue
    loss : Definition
    dtype : dtype
        The type to compute in.
    operands : tuple
        A kernel's arguments from pred to hess_out: each None, a fixed number or array, an `ArrayArgument`, a
        `NumberArgument`, or a tuple of such.
    total : ArrayArgument, array or None
        Where the sum goes.
    """

    def __init__(
        self, queue: queues.Queue, loss: Definition, dtype: DType, operands: tuple[Any, ...], total: Any
    ) -> None:
        self.queue, self.loss, self.dtype, self.summed = queue, loss, dtype, total is not None
        self.kernel = _kernel_of(loss, dtype, self.summed)
        self.arguments = *operands, total
        self.direct: direct.Direct | None = None
        self.partials: Any = None
        self.launches = 0  # through Numba, with these partials

    def run(self, size: int, addresses: list[int], numbers: list[float]) -> None:
        """Launch for `size` elements, with the addresses and numbers of a call."""
        if size > queues.MOST:
            raise ValueError(f"{self.loss.name}: expected at most {queues.MOST} elements, got {size}")
        blocks = max(1, -(-size // CHUNK))
        if self.summed and self.partials is not (partials := self.queue.partials(blocks)):
            self.direct, self.partials, self.launches = None, partials, min(self.launches, 1)
        if self.direct is None:
            self._run(blocks, size, addresses, numbers)
        else:
            self.direct.launch(blocks, size, addresses, numbers)

    def _run(self, blocks: int, size: int, addresses: list[int], numbers: list[float]) -> None:
        """Launch through Numba; the second time, directly if that can be prepared."""
        sums = (self.partials, self.queue.tickets) if self.summed else (None, None)
        args = (size, *_filled(self.arguments, size, addresses, numbers), *sums)
        self.launches += 1
        if self.launches == 2:
            changing = [None, *_leaves(self.arguments), None, None]
            self.direct = direct.prepared(self.kernel, args, changing, addresses, THREADS, self.queue.handle)
            if self.direct is not None:
                self.direct.launch(blocks, size, addresses, numbers)
                return
        try:
            self.queue.configured(self.kernel, blocks)(*args)
        except NumbaError as error:
            if not self.kernel.overloads:
                self.loss._kernels.pop(_key(self.dtype, self.summed), None)
            raise code.failure(self.loss, error, "CUDA") from None


def _filled(
    arguments: tuple[Any, ...], size: int, addresses: list[int], numbers: list[float]
) -> tuple[Any, ...]:
    """Arguments, with the arrays and numbers of a call filled in."""
    found: list[Any] = []
    for x in arguments:
        if isinstance(x, ArrayArgument):
            described = {
                "shape": x.shape or (size,),
                "strides": x.strides,
                "data": (addresses[x.k] + x.offset, False),
                "typestr": x.dtype.str,
                "version": 3,
            }
            found.append(cuda.from_cuda_array_interface(described, sync=False))
        elif isinstance(x, NumberArgument):
            found.append(numbers[x.k])
        else:
            found.append(_filled(x, size, addresses, numbers) if type(x) is tuple else x)
    return tuple(found)


def _leaves(arguments: tuple[Any, ...]) -> Iterator[Any]:
    """Arguments, with tuples flattened."""
    for x in arguments:
        if type(x) is tuple:
            yield from _leaves(x)
        else:
            yield x


def _kernel_of(loss: Definition, dtype: DType, summed: bool) -> Any:
    key = _key(dtype, summed)
    kernel = loss._kernels.get(key)
    if kernel is None:
        code.make_callable(code.source_of(loss), "cuda")
        jit: Any = cuda.jit  # type checkers see the simulator's
        made = make_kernel(code.function_of(loss), dtype, summed, loss.operands, loss.irls)
        kernel = jit(made, extensions=[_NoneAsZero()])
        loss._kernels[key] = kernel
    return kernel


def _key(dtype: DType, summed: bool) -> tuple[Any, ...]:
    return "cuda", dtype, summed
