"""Launches of CUDA kernels: compiled at their first use, on a stream, without waiting."""

import warnings
from contextlib import AbstractContextManager, nullcontext
from threading import Lock, get_ident
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import types
from numba.core.errors import NumbaError

from fastloss import _cache
from fastloss._cuda import CudaAPIError, NumbaPerformanceWarning, cuda, device_at
from fastloss._cuda_kernel import THREADS, make_kernel
from fastloss._element import CHUNK

if TYPE_CHECKING:
    from fastloss._loss import Loss

DType = np.dtype[Any]

PER_THREAD_STREAM = 2  # CUDA's handle of a stream that each thread has for itself


class _NoneAsZero:
    """Lets None be passed to a kernel, which compiles for it but refuses it at the launch."""

    def prepare_args(self, type_: Any, value: Any, stream: Any, retr: Any) -> tuple[Any, Any]:
        return (types.uint64, 0) if value is None else (type_, value)


def launch(loss: "Loss", dtype: DType, operands: tuple[Any, ...], total: Any, queue: "Queue") -> None:
    """Run a loss's kernel; the host waits for nothing."""
    summed = total is not None
    kernel = _kernel_of(loss, dtype, summed)
    blocks = max(1, -(-operands[0] // CHUNK))
    sums = (queue.partials(blocks), queue.tickets) if summed else (None, None)
    try:
        with warnings.catch_warnings(action="ignore", category=NumbaPerformanceWarning):
            configured = kernel[blocks, THREADS, queue.stream]
        configured(*operands, total, *sums)
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


class Queue:
    """A stream of a device, and the memory that launches on it share, one after another."""

    def __init__(self, handle: int) -> None:
        self.stream = cuda.external_stream(handle) if handle else cuda.default_stream()
        self.factors = cuda.device_array(2, np.float64)  # a denominator and its reciprocal
        # How many blocks are done. In the order of this stream; numba warns of its own default stream here.
        self.tickets = cuda.to_device(np.zeros(1, np.uint32), stream=self.stream if handle else 0)
        self._partials: list[Any] = []

    def partials(self, blocks: int) -> Any:
        """Room for the sums of so many chunks and their folds."""
        needed = 2 * blocks + 64
        if not self._partials or self._partials[-1].size < needed:
            # Not in the place of the one before: launches under way, or graphs captured, have its address.
            # Twice its size, so that all of them together have less than two of the last.
            least = 2 * self._partials[-1].size if self._partials else 0
            self._partials.append(cuda.device_array(max(needed, least), np.float64))
        return self._partials[-1]


_queues: dict[tuple[int, ...], Queue] = {}
_lock = Lock()


def queue(who: str, stream: Any) -> Queue:
    """The queue of a stream, of any library's or a number, on the current device."""
    handle = _handle(who, stream)
    key: tuple[int, ...] = (cuda.get_current_device().id, handle)
    if handle == PER_THREAD_STREAM:
        key += (get_ident(),)
    found = _queues.get(key)
    if found is None:
        with _lock:
            if key not in _queues:
                _queues[key] = Queue(handle)
            found = _queues[key]
    return found


def _handle(who: str, stream: Any) -> int:
    handle = stream
    if hasattr(stream, "__cuda_stream__"):
        _, handle = stream.__cuda_stream__()
    else:
        for name in ("handle", "ptr", "cuda_stream"):
            handle = getattr(handle, name, handle)
    try:
        return int(handle or 0)
    except (TypeError, ValueError):
        raise TypeError(
            f"{who}: stream must be a CUDA stream or its handle, got {type(stream).__name__}"
        ) from None


def on_device_of(who: str, addresses: dict[str, int]) -> AbstractContextManager[Any]:
    """A context in which the device that has the arrays is the current one."""
    places = {name: _device_at(who, name, address) for name, address in addresses.items()}
    if len(set(places.values())) > 1:
        found = ", ".join(f"{name} on {place}" for name, place in places.items())
        raise ValueError(f"{who}: expected all arrays on one CUDA device, got {found}")
    current: int = cuda.get_current_device().id
    place = next(iter(places.values()), current)
    return nullcontext() if place == current else cuda.gpus[place]


def _device_at(who: str, name: str, address: int) -> int:
    try:
        return device_at(address)
    except CudaAPIError as error:
        raise ValueError(f"{who}: {name} is not in a CUDA device's memory: {error}") from None


def check_driver(who: str) -> None:
    """Refuse to go on without a driver and a device."""
    if not cuda.is_available():
        reason = " ".join(str(cuda.cuda_error() or "NVVM was not found").split())
        raise RuntimeError(f"{who}: no CUDA device can be used: {reason}")


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
