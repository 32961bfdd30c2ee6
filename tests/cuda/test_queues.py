"""The memory for streams is bounded, and no stream uses that of another's running launches or graphs."""

import weakref
from types import SimpleNamespace

import numpy as np
import pytest
from cuda.bindings.driver import CUresult, CUstreamCaptureStatus
from numba import cuda
from numba.cuda.cudadrv.driver import CudaAPIError

from fastloss import huber
from fastloss._cuda import access as _cuda
from fastloss._cuda import queues as _cuda_queues
from fastloss._formula.sum import CHUNK

from .conftest import Foreign

ONES = np.ones(3 * CHUNK, np.float32)


def test_a_new_stream_with_a_destroyed_ones_handle_shares_nothing_with_launches_under_way(
    emulated, monkeypatch
):
    identity = {}
    monkeypatch.setattr(_cuda_queues, "stream_id", lambda handle: identity.get(handle, handle))
    for _ in range(3):
        huber(Foreign(ONES * 3), 0.0, stream=5)
    # The state during a launch of three blocks, of which one has ended and left its sum.
    _cuda_queues.queue("", 5).tickets[0] = 1
    identity[5] = 6
    for error in (5, 7, 9):
        assert huber(Foreign(ONES * error), 0.0, stream=5).copy_to_host() == error - 0.5
    assert [launch.stream for launch in emulated.launches] == [5] * 6


def test_as_many_streams_as_there_may_be_do_not_grow_memory(emulated, monkeypatch):
    monkeypatch.setattr(_cuda_queues, "_TICKETS", 16)  # more would take most of the time
    alive, make = weakref.WeakSet(), cuda.device_array
    monkeypatch.setattr(cuda, "device_array", lambda *args: kept(alive, make(*args)))
    for handle in range(100_000):
        queue = _cuda_queues.queue("", handle)
        queue.remember("form", SimpleNamespace(queue=queue))  # a form holds its queue
        queue.partials(3)
        assert len(alive) <= 2 * (_cuda_queues._PASSING + 1 + _cuda_queues._OWN + 1)
    waits = emulated.calls["synchronize"]
    assert 0 < waits <= 100_000 / _cuda_queues._PASSING
    assert {0, 1, 2, 99_999} <= {handle for _, handle, _ in _cuda_queues._queues.known}


def kept(alive, made):
    alive.add(made)
    return made


def test_streams_that_were_captured_keep_the_memory_that_their_graphs_have(emulated, monkeypatch):
    captured, pred = set(), Foreign(ONES)
    monkeypatch.setattr(_cuda_queues, "is_capturing", captured.__contains__)
    for stream in (5, 6):
        for _ in range(2):
            huber(pred, 0.0, stream=stream)
    old = {stream: _cuda_queues.queue("", stream) for stream in (5, 6)}
    captured.add(5)
    huber(pred, 0.0, stream=5)
    captured.clear()
    for stream in range(100, 200):
        _cuda_queues.queue("", stream)
    assert _cuda_queues.queue("", 5) is old[5]
    assert _cuda_queues.queue("", 6) is not old[6]
    assert huber(pred, 0.0, stream=6).copy_to_host() == 0.5


def test_streams_of_another_device_are_not_waited_for_nor_dropped(emulated, monkeypatch):
    for device in (0, 1):
        monkeypatch.setattr(emulated.numba_device, "id", device)
        for stream in range(10, 10 + _cuda_queues._PASSING):
            _cuda_queues.queue("", stream)
    assert emulated.calls["synchronize"] == 0
    assert len(_cuda_queues._queues.known) == 2 * _cuda_queues._PASSING
    _cuda_queues.queue("", 9)
    assert [device for device, _, _ in _cuda_queues._queues.known] == [0] * _cuda_queues._PASSING + [1]
    assert emulated.calls["synchronize"] == 1


@pytest.mark.parametrize(
    ("ask", "function", "answer", "expected"),
    [
        (_cuda.stream_id, "cuStreamGetId", 41, 41),
        (_cuda.is_capturing, "cuStreamIsCapturing", CUstreamCaptureStatus(0), False),
        (_cuda.is_capturing, "cuStreamIsCapturing", CUstreamCaptureStatus(1), True),
    ],
)
def test_the_driver_is_asked_for_what_a_stream_is(ask, function, answer, expected, monkeypatch):
    asked = []
    monkeypatch.setattr(_cuda, function, lambda handle: (asked.append(handle), (CUresult(0), answer))[1])
    assert ask(0x1000) == expected
    assert asked == [0x1000]
    monkeypatch.setattr(_cuda, function, lambda handle: (CUresult.CUDA_ERROR_INVALID_HANDLE, None))
    with pytest.raises(CudaAPIError, match=f"{function}: CUDA_ERROR_INVALID_HANDLE"):
        ask(0x1000)
