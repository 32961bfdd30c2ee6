"""Launches of CUDA kernels: compiled at their first use, on a stream, without waiting."""

import warnings
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numba import types
from numba.core.errors import NumbaError

from fastloss import _cache
from fastloss._cuda import NumbaPerformanceWarning, cuda
from fastloss._cuda_kernel import THREADS, make_kernel
from fastloss._element import CHUNK

if TYPE_CHECKING:
    from fastloss._loss import Loss

DType = np.dtype[Any]


class _NoneAsZero:
    """Lets None be passed to a kernel, which compiles for it but refuses it at the launch."""

    def prepare_args(self, type_: Any, value: Any, stream: Any, retr: Any) -> tuple[Any, Any]:
        return (types.uint64, 0) if value is None else (type_, value)


def launch(
    loss: "Loss", dtype: DType, summed: bool, operands: tuple[Any, ...], total: Any, stream: Any
) -> None:
    """Run a loss's kernel on a stream; the host waits for nothing."""
    kernel = _kernel_of(loss, dtype, summed)
    blocks = max(1, -(-operands[0] // CHUNK))
    partials = tickets = None
    if summed:
        partials, tickets, _ = workspace(stream, blocks)
        total = cuda.from_cuda_array_interface(
            {**total.__cuda_array_interface__, "shape": (prod(total.shape),), "strides": None},
            total,
            sync=False,
        )
    try:
        with warnings.catch_warnings(action="ignore", category=NumbaPerformanceWarning):
            configured = kernel[blocks, THREADS, stream]
        configured(*operands, total, partials, tickets)
    except NumbaError as error:
        raise TypeError(_cache.explanation(loss, error, "CUDA")) from None


def _kernel_of(loss: "Loss", dtype: DType, summed: bool) -> Any:
    key = "cuda", dtype, summed
    kernel = loss._kernels.get(key)
    if kernel is None:
        _cache.make_callable(loss)
        jit: Any = cuda.jit  # type checkers see the simulator's
        kernel = jit(make_kernel(loss.formula, dtype, summed), extensions=[_NoneAsZero()])
        loss._kernels[key] = kernel
    return kernel


class Workspace(NamedTuple):
    """What launches on a stream need besides their operands; in their order they may share it."""

    partials: Any  # the chunks' sums and their folds
    tickets: Any  # how many blocks are done
    factors: Any  # a denominator and its reciprocal


_workspaces: dict[tuple[int, int], Workspace] = {}


def workspace(stream: Any, blocks: int = 1) -> Workspace:
    """The workspace of a device and stream, with room for so many chunks."""
    key = cuda.get_current_device().id, int(stream.handle)
    found = _workspaces.get(key)
    if found is None or found.partials.size < 2 * blocks + 64:
        partials = cuda.device_array(2 * blocks + 64, np.float64)
        tickets = cuda.to_device(np.zeros(1, np.uint32)) if found is None else found.tickets
        factors = cuda.device_array(2, np.float64) if found is None else found.factors
        found = _workspaces[key] = Workspace(partials, tickets, factors)
    return found


def empty(shape: tuple[int, ...], strides: tuple[int, ...], dtype: DType) -> Any:
    """A new array of Numba's."""
    return cuda.device_array(shape, dtype, strides)


def array(
    address: int, shape: tuple[int, ...], strides: tuple[int, ...] | None, dtype: DType, owner: Any
) -> Any:
    """An array of Numba's over memory of the device."""
    described = {
        "shape": shape,
        "strides": strides,
        "data": (address, False),
        "typestr": dtype.str,
        "version": 3,
    }
    return cuda.from_cuda_array_interface(described, owner, sync=False)


def stream_of(stream: Any) -> Any:
    """A stream of Numba's for one of any library's, a number, or None."""
    if stream is None:
        return cuda.default_stream()
    for name in ("handle", "ptr", "cuda_stream"):
        stream = getattr(stream, name, stream)
    return cuda.external_stream(int(stream)) if int(stream) else cuda.default_stream()
