"""Streams, and the memory that the launches on one share."""

import warnings
from contextlib import AbstractContextManager, nullcontext
from numbers import Integral, Real
from threading import local
from typing import Any

import numpy as np

from fastloss._cuda.access import (
    CudaAPIError,
    NumbaPerformanceWarning,
    cuda,
    current_device,
    device_at,
    device_count,
    is_capturing,
    stream_id,
)
from fastloss._cuda.kernel import THREADS

# Groups of 64 blocks that can be counted.
_TICKETS = 1 << 16
MOST = 1 << 35  # elements of a call, for which 33,289 tickets are enough
_FORMS = 256  # forms that a queue keeps
# CUDA's own streams, which nobody destroys, have handles up to this: CU_STREAM_PER_THREAD is the last.
_OWN = 2
_PASSING = 64  # queues of other streams that a thread keeps, of a quarter of a megabyte each


class Queue:
    """A stream of a device as one thread uses it, with the memory that its launches use in turn."""

    def __init__(self, device: int, handle: int) -> None:
        self.device, self.handle = device, handle
        self.stream = cuda.external_stream(handle) if handle else cuda.default_stream()
        self.factors = cuda.device_array(2, np.float64)  # a denominator and its reciprocal
        # How many blocks of each group are done. They are set in the order of this stream; 0 stands for the
        # default stream, of whose object numba would warn here.
        self.tickets = cuda.to_device(np.zeros(_TICKETS, np.uint32), stream=self.stream if handle else 0)
        self.among_others = device_count() > 1
        self.stays = handle <= _OWN
        self.forms: dict[Any, Any] = {}  # of calls, ready to be launched
        self._partials: list[Any] = []
        self._configured: dict[tuple[Any, int], Any] = {}

    def partials(self, blocks: int) -> Any:
        """Room for the sums of so many chunks and their folds."""
        needed = 2 * blocks + 64
        if not self._partials or self._partials[-1].size < needed:
            # The buffer before is kept, as its address is used by launches under way or captured graphs. The
            # new one has at least twice its size, so that all together are smaller than two of the last.
            least = 2 * self._partials[-1].size if self._partials else 0
            self._partials.append(cuda.device_array(max(needed, least), np.float64))
        return self._partials[-1]

    def remember(self, key: Any, form: Any) -> None:
        """Keep a form of calls."""
        if len(self.forms) >= _FORMS:
            self.forms.clear()
        self.forms[key] = form

    def configured(self, kernel: Any, blocks: int) -> Any:
        """A kernel configured for `blocks` blocks, without Numba's warning that these are few."""
        key = kernel, blocks
        if key not in self._configured:
            if len(self._configured) >= 64:
                self._configured.clear()
            with warnings.catch_warnings(action="ignore", category=NumbaPerformanceWarning):
                self._configured[key] = kernel[blocks, THREADS, self.stream]
        return self._configured[key]


class _Queues(local):
    """The queues of a thread by device, handle and identity of their stream.

    Each thread has its own: if two threads launch on one stream, either may launch between two launches of
    the other. Besides, one of CUDA's handles stands for another stream in every thread. The handle of a
    destroyed stream may be given to a new one while launches of the old one are still under way, so these
    two share no memory.
    """

    def __init__(self) -> None:
        self.known: dict[tuple[int, int, int], Queue] = {}

    def find(self, device: int, handle: int) -> Queue | None:
        """The queue of a stream, if it has one; it is kept for good if a graph captures its memory."""
        queue = self.known.get(_key(device, handle))
        if queue is not None and not queue.stays:
            queue.stays = is_capturing(handle)
        return queue

    def make(self, device: int, handle: int) -> Queue:
        """A new queue. If there are many, those that need not be kept are removed first."""
        passing = [key for key, queue in self.known.items() if key[0] == device and not queue.stays]
        if len(passing) >= _PASSING:
            cuda.synchronize()  # for the launches that use their memory, on destroyed streams too
            for key in passing:
                self.known.pop(key).forms.clear()  # which refer to their queue
        made = self.known[_key(device, handle)] = Queue(device, handle)
        return made


def _key(device: int, handle: int) -> tuple[int, int, int]:
    return device, handle, 0 if handle <= _OWN else stream_id(handle)


_queues = _Queues()


def queue(who: str, stream: Any) -> Queue:
    """The queue, on the current device, of a stream of any library or of a handle."""
    place = cuda.get_current_device().id, handle_of(who, stream)
    return _queues.find(*place) or _queues.make(*place)


def known_form(who: str, seen: Any, stream: Any) -> Any:
    """The form of a call, if this thread knows it on that stream and it does not need the full checks."""
    queue = _queues.find(current_device(), handle_of(who, seen.stream if stream is None else stream))
    if queue is None:
        return None
    form = queue.forms.get(seen.key)
    if form is None or not form.fits(seen):
        return None
    if queue.among_others and any(device_at(each) != queue.device for each in seen.addresses if each):
        return None
    return form


def handle_of(who: str, stream: Any) -> int:
    """CUDA's handle of a stream."""
    if stream is None:
        return 0
    handle = stream
    if hasattr(stream, "__cuda_stream__"):
        _, handle = stream.__cuda_stream__()
    else:
        for name in ("handle", "ptr", "cuda_stream"):
            handle = getattr(handle, name, handle)
    if handle is None:
        return 0
    # The driver's own handles are not integers but can be converted to them.
    number = hasattr(handle, "__int__") and not isinstance(handle, bool)
    if number and (isinstance(handle, Integral) or not isinstance(handle, Real)) and int(handle) >= 0:
        return int(handle)
    raise TypeError(f"{who}: stream must be a CUDA stream or its handle, got {stream!r}")


def on_device_of(who: str, addresses: dict[str, int]) -> AbstractContextManager[Any]:
    """A context in which the device of the arrays is the current one."""
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
