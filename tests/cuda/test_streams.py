"""Streams, and the memory that calls on the same stream share."""

import warnings
from contextlib import contextmanager
from threading import Thread
from types import SimpleNamespace

import numpy as np
import pytest
from numba import cuda
from numba.cuda.cudadrv.driver import CudaAPIError

import fastloss
from fastloss import huber
from fastloss._cuda import access as _cuda
from fastloss._cuda import launch as _cuda_launch
from fastloss._cuda import queues as _cuda_queues
from fastloss._formula.sum import CHUNK

from .conftest import Foreign

ONES = np.ones(3 * CHUNK, np.float32)


@pytest.mark.parametrize(
    ("stream", "handle"),
    [
        (17, 17),
        (0, 0),
        (SimpleNamespace(handle=17), 17),
        (SimpleNamespace(ptr=17), 17),
        (SimpleNamespace(cuda_stream=17), 17),
        (SimpleNamespace(__cuda_stream__=lambda: (0, 17), ptr=3), 17),
    ],
)
def test_streams_of_any_library(stream, handle, emulated):
    huber.value_and_grad(Foreign(ONES), 0.0, stream=stream)
    assert [launch.stream for launch in emulated.launches] == [handle]


@pytest.mark.parametrize("stream", ["main", "7", b"5", [1], 1j, 1.7, True, -1, np.float32(2)])
def test_what_is_no_stream_is_named(stream, emulated):
    with pytest.raises(TypeError, match=r"huber: stream must be a CUDA stream or its handle, got "):
        huber(Foreign(ONES), 0.0, stream=stream)


def test_the_stream_that_an_array_names_is_used_without_waiting(emulated):
    class Streamed(Foreign):
        __cuda_array_interface__ = property(
            lambda self: Foreign.__cuda_array_interface__.fget(self) | {"stream": 23}
        )

    huber(Streamed(ONES), 0.0)
    assert [launch.stream for launch in emulated.launches] == [23]
    assert emulated.calls["synchronize"] == 0


def test_each_stream_has_memory_of_its_own(emulated):
    for stream in (5, 6, 5):
        huber(Foreign(ONES), 0.0, stream=stream)
    five, six = (_cuda_queues.queue("", stream) for stream in (5, 6))
    assert len(_cuda_queues._queues.known) == 2
    assert five.partials(3) is five.partials(3)
    assert five.partials(3) is not six.partials(3)
    assert five.factors is not six.factors
    assert five.tickets is not six.tickets


def test_each_thread_has_memory_of_its_own(emulated):
    """Otherwise one thread could overwrite the denominator of another between its two launches."""
    found = []
    for _ in range(2):
        thread = Thread(target=lambda: found.append(_cuda_queues.queue("", 2)))
        thread.start()
        thread.join()
    assert len({id(queue.factors) for queue in found}) == 2
    assert not _cuda_queues._queues.known


def test_memory_that_grows_stays_where_launches_under_way_use_it(emulated):
    queue = _cuda_queues.queue("", None)
    small = queue.partials(10)
    assert small.size >= 2 * 10
    large = queue.partials(10_000)
    assert large.size >= 2 * 10_000
    assert small in queue._partials
    for blocks in range(1, 30_000, 50):
        queue.partials(blocks)
    assert sum(x.size for x in queue._partials) < 2 * queue._partials[-1].size
    assert queue._partials[-1].size <= 2 * (2 * 30_000 + 64)


def test_tickets_are_set_in_the_order_of_their_stream(emulated, monkeypatch):
    streams, to_device = [], cuda.to_device
    monkeypatch.setattr(
        cuda, "to_device", lambda x, stream=0: streams.append(stream) or to_device(x, stream=stream)
    )
    queue = _cuda_queues.queue("", 9)
    assert streams == [queue.stream]


def test_a_kernel_is_made_once_and_numbas_warning_of_few_blocks_is_not_shown(emulated, calls_of):
    made = calls_of(_cuda_launch, "make_kernel")
    twin = fastloss.Loss(huber.formula, huber.domains)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for size in (10, 10, 2 * CHUNK):
            twin(Foreign(np.ones(size)), 0.0)
    assert len(made) == 1


def test_with_outputs_given_nothing_is_allocated_after_the_first_call(emulated):
    value, grad = cuda.device_array((), np.float64), cuda.device_array(ONES.size, np.float32)
    pred, target, weight = (cuda.to_device(ONES) for _ in range(3))
    for _ in range(2):
        before = emulated.calls.copy()
        found = huber.value_and_grad(pred, target, weight=weight, loss_out=value, grad_out=grad)
    assert found == (value, grad)
    assert emulated.calls == before
    assert value.copy_to_host() == 0.0


def test_a_reduced_value_is_written_where_it_is_wanted(device):
    value, pred = Foreign(np.empty(())), Foreign(ONES * 3)
    assert huber(pred, 0.0, loss_out=value) is value
    assert value.copy_to_host() == 2.5
    assert huber(pred, 0.0, reduction="sum", loss_out=value) is value
    assert value.copy_to_host() == 2.5 * ONES.size


@pytest.mark.parametrize("start", range(4))
def test_a_reduced_value_may_be_written_anywhere(start, device):
    values = np.zeros(4)
    place = Foreign(values[start : start + 1].reshape(()))
    assert huber(Foreign(ONES * 3), 0.0, loss_out=place) is place
    assert Foreign(values).copy_to_host().tolist() == [2.5 * (k == start) for k in range(4)]


@pytest.mark.parametrize(
    ("loss_out", "message"),
    [
        (np.empty(1), r"loss_out must have shape \(\) and dtype float64, got \(1,\)"),
        (np.empty((), np.float32), r"loss_out must have shape \(\) and dtype float64, got \(\) and float32"),
    ],
)
def test_the_form_of_a_reduced_value_is_checked(loss_out, message, emulated):
    with pytest.raises(ValueError, match=f"huber: {message}"):
        huber(Foreign(ONES), 0.0, loss_out=Foreign(loss_out))


def test_a_reduced_value_must_not_overwrite_an_operand(emulated):
    delta = Foreign(np.array(2.0))
    with pytest.raises(ValueError, match="huber: loss_out overlaps delta"):
        huber(Foreign(ONES), 0.0, delta=delta, loss_out=delta)


def test_a_launch_that_fails_leaves_the_next_its_memory_in_order(emulated, monkeypatch):
    pred, run = Foreign(ONES * 3), emulated.launch

    def refused(*_):
        raise CudaAPIError(701, "too many resources requested")

    monkeypatch.setattr(emulated, "launch", refused)
    with pytest.raises(CudaAPIError, match="too many resources requested"):
        huber(pred, 0.0)
    monkeypatch.setattr(emulated, "launch", run)
    assert huber(pred, 0.0).copy_to_host() == 2.5


@pytest.mark.parametrize("name", ["device_array", "to_device"])
def test_memory_that_could_not_be_had_is_asked_for_again(name, emulated, monkeypatch):
    pred, whole = Foreign(ONES * 3), getattr(cuda, name)

    def refused(*_, **__):
        raise CudaAPIError(2, "out of memory")

    monkeypatch.setattr(cuda, name, refused)
    with pytest.raises(CudaAPIError, match="out of memory"):
        huber(pred, 0.0)
    assert not _cuda_queues._queues.known
    monkeypatch.setattr(cuda, name, whole)
    assert huber(pred, 0.0).copy_to_host() == 2.5


def test_arrays_of_another_device_are_computed_there(emulated, monkeypatch):
    at = []

    @contextmanager
    def entered(number):
        at.append(number)
        monkeypatch.setattr(emulated.numba_device, "id", number)
        yield
        monkeypatch.setattr(emulated.numba_device, "id", 0)
        at.append("left")

    monkeypatch.setattr(_cuda_queues, "device_at", lambda address: 1)
    monkeypatch.setattr(cuda, "gpus", [entered(0), entered(1)])
    huber(Foreign(ONES), 0.0, stream=0)
    assert at == [1, "left"]
    assert list(_cuda_queues._queues.known) == [(1, 0, 0)]


def test_arrays_of_two_devices_are_named(emulated, monkeypatch):
    pred, target = Foreign(ONES), Foreign(ONES.copy())
    address = pred.__cuda_array_interface__["data"][0]
    monkeypatch.setattr(_cuda_queues, "device_at", lambda x: int(x != address))
    with pytest.raises(
        ValueError, match="huber: expected all arrays on one CUDA device, got pred on 0, target on 1"
    ):
        huber(pred, target)


def unknown(address):
    raise CudaAPIError(1, "invalid argument")


def test_memory_of_no_device_is_named(emulated, monkeypatch):
    monkeypatch.setattr(_cuda_queues, "device_at", unknown)
    with pytest.raises(
        ValueError, match=r"huber: pred is not in a CUDA device's memory: \[1\] invalid argument"
    ):
        huber(Foreign(ONES), 0.0)


def test_empty_arrays_have_no_device(emulated, monkeypatch):
    monkeypatch.setattr(_cuda_queues, "device_at", unknown)
    assert np.isnan(huber(Foreign(np.empty(0)), Foreign(np.empty(0))).copy_to_host())


def test_the_driver_is_asked_for_the_number_of_an_addresss_device(monkeypatch):
    asked = []
    driver = SimpleNamespace(cuPointerGetAttribute=lambda *arguments: asked.append(arguments) or 3)
    monkeypatch.setattr(_cuda, "driver", driver)
    assert _cuda.device_at(0x1000) == 3
    ((attribute, pointer),) = asked
    assert attribute.name == "CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL"
    assert int(pointer) == 0x1000
