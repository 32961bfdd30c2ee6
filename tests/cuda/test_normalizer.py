"""A normalizer on the device is read by the kernel, so that no call waits for it."""

import numpy as np
import pytest
from numba import cuda

from fastloss import huber
from fastloss._cuda import queues as _cuda_queues

from .conftest import Foreign
from .libraries import RequiresGrad
from .results import bits

RNG = np.random.default_rng(3)
SIZE = 3000


def drawn(dtype=np.float32):
    return RNG.standard_cauchy((2, SIZE)).astype(dtype)


KINDS = [(np.float64, "f4"), *((np.float32, kind) for kind in ("f8", "f4", "f2", "i8", "u1", "?"))]


@pytest.mark.parametrize(("dtype", "kind"), KINDS)
def test_it_has_the_bits_of_one_on_the_host_each_time(dtype, kind, device):
    weight, where = RNG.random(SIZE).astype(dtype), RNG.random(SIZE) < 0.5
    for number in (3, 7.3, 1):
        number = np.array(number, kind)
        for options in ({}, {"weight": weight, "where": where}):
            pred, target = drawn(dtype)
            there = {name: Foreign(x) for name, x in options.items()}
            found = huber.value_and_grad(Foreign(pred), Foreign(target), normalizer=Foreign(number), **there)
            expected = huber.value_and_grad(pred, target, normalizer=float(number), **options)
            assert bits(found) == bits(expected)


def test_it_is_read_anew_in_a_known_form_and_nothing_is_waited_for(emulated):
    number, out, value = cuda.to_device(np.array(2.0)), cuda.device_array(SIZE, "f4"), cuda.device_array(())
    for k in range(4):
        pred, target = drawn()
        given = cuda.to_device(pred), cuda.to_device(target)
        number.copy_to_device(np.array(k + 1.5))
        before = emulated.calls.copy()
        found = huber.value_and_grad(*given, normalizer=number, loss_out=value, grad_out=out)
        if k:
            assert emulated.calls == before
        expected = huber.value_and_grad(pred, target, normalizer=k + 1.5)
        assert bits(found) == bits(expected)
    (queue,) = _cuda_queues._queues.known.values()
    assert len(queue.forms) == 1
    assert emulated.calls["synchronize"] == 0
    assert len(emulated.launches) == 8


def test_one_form_serves_plain_arrays_of_every_size_and_another_numbers_of_the_host(emulated):
    for size in (SIZE, 12, 2 * SIZE):  # sizes for which rows start at multiples of 16 bytes
        for number in (Foreign(np.array(4.0)), 2.5, Foreign(np.array(3.0))):
            pred, target = RNG.standard_normal((2, size)).astype(np.float32)
            host = float(number.copy_to_host()) if isinstance(number, Foreign) else number
            found = huber.grad(Foreign(pred), Foreign(target), normalizer=number)
            assert bits(found) == bits(huber.grad(pred, target, normalizer=host))
    (queue,) = _cuda_queues._queues.known.values()
    assert len(queue.forms) == 2


def test_its_value_is_not_checked(device):
    pred = Foreign(np.ones(SIZE, np.float32) * 3)
    for number, value in ((0.0, np.inf), (np.nan, np.nan), (-2.0, -1.25 * SIZE)):
        found = huber(pred, 0.0, normalizer=Foreign(np.array(number)))
        np.testing.assert_array_equal(found.copy_to_host(), value)


@pytest.mark.parametrize(
    ("number", "options", "kind", "message"),
    [
        (
            np.ones(1),
            {},
            TypeError,
            r"normalizer must be a number, got a device array of shape .* and dtype float64",
        ),
        (
            np.array(1j),
            {},
            TypeError,
            "normalizer must be a number, got a device array of shape .* and dtype complex128",
        ),
        (np.array(2.0), {"reduction": "sum"}, ValueError, "normalizer is only allowed with reduction='mean'"),
        (
            np.array(2.0),
            {"reduction": "none"},
            ValueError,
            "normalizer is only allowed with reduction='mean'",
        ),
    ],
)
def test_what_can_be_told_without_reading_it_is_refused(number, options, kind, message, emulated):
    pred = Foreign(np.ones(SIZE, np.float32))
    for _ in range(2):
        huber.grad(pred, 0.0, normalizer=Foreign(np.array(2.0)))
        huber.grad(pred, 0.0, reduction="sum")
    launches = len(emulated.launches)
    with pytest.raises(kind, match=f"huber: {message}"):
        huber.grad(pred, 0.0, normalizer=Foreign(number), **options)
    assert len(emulated.launches) == launches


def test_one_on_another_device_is_named(emulated, monkeypatch):
    pred, number = Foreign(np.ones(SIZE, np.float32)), Foreign(np.array(2.0))
    address = number.__cuda_array_interface__["data"][0]
    monkeypatch.setattr(_cuda_queues, "device_at", lambda x: int(x == address))
    with pytest.raises(ValueError, match="one CUDA device, got pred on 0, normalizer on 1"):
        huber(pred, 0.0, normalizer=number)


def test_it_may_be_in_the_memory_of_a_result(device):
    pred, number = np.full(SIZE, 3, np.float32), Foreign(np.array(10.0))
    found = huber(Foreign(pred), 0.0, normalizer=number, loss_out=number)
    assert found is number
    assert number.copy_to_host() == huber(pred, 0.0, normalizer=10.0)


def test_a_tensor_that_requires_grad_is_named(emulated):
    with pytest.raises(
        TypeError, match=r"huber: a tensor that requires grad was given: pass tensor.detach\(\)"
    ):
        huber(Foreign(np.ones(SIZE, np.float32)), 0.0, normalizer=RequiresGrad(np.array(2.0)))
