"""The form of a call is remembered. Later calls of that form are launched directly, with the same checks."""

import numpy as np
import pytest
from numba import cuda
from numba.cuda.cudadrv.driver import CudaAPIError

from fastloss import huber
from fastloss._cuda import direct as _direct
from fastloss._cuda import queues as _cuda_queues

from .conftest import Foreign
from .results import bits

RNG = np.random.default_rng(7)
SIZE = 700


@pytest.fixture
def straight(emulated, calls_of):
    """The launches that were made directly, not by Numba."""
    return calls_of(_direct, "start")


@pytest.fixture
def straight_anywhere(device, calls_of):
    """The same on the emulated device and, if there is one, on a GPU."""
    return calls_of(_direct, "start")


def drawn(*shapes, dtype=np.float32):
    return [RNG.standard_cauchy(shape).astype(dtype) for shape in shapes]


def transposed(x):
    return np.asfortranarray(x)


CALLS = {
    "plain": lambda p, q, w: ((p, q), {}),
    "sum": lambda p, q, w: ((p, q), {"reduction": "sum"}),
    "none": lambda p, q, w: ((p, q), {"reduction": "none"}),
    "delta": lambda p, q, w: ((p, q), {"delta": float(abs(q.flat[0])) + 0.1}),
    "whole delta": lambda p, q, w: ((p, q), {"delta": int(abs(q.flat[0])) + 1}),
    "array delta": lambda p, q, w: ((p, q), {"delta": abs(w) + 1}),
    "normalizer": lambda p, q, w: ((p, q), {"normalizer": float(abs(q.flat[0])) + 0.1}),
    "weight": lambda p, q, w: ((p, q), {"weight": abs(w)}),
    "mask": lambda p, q, w: ((p, q), {"where": w > 0}),
    "weight, mask and normalizer": lambda p, q, w: (
        (p, q),
        {"weight": abs(w), "where": w > 0, "normalizer": 3.0},
    ),
    "weight of rows": lambda p, q, w: ((p, q), {"weight": abs(w[:, :1])}),
    "number": lambda p, q, w: ((p, float(q.flat[0])), {}),
    "whole number": lambda p, q, w: ((p, int(q.flat[0])), {}),
    "strided": lambda p, q, w: ((p[:, ::2], q[:, ::2]), {}),
    "reversed": lambda p, q, w: ((p, q[::-1]), {}),
    "Fortran": lambda p, q, w: ((transposed(p), transposed(q)), {}),
    "mixed": lambda p, q, w: ((p, transposed(q)), {}),
    "float64 target": lambda p, q, w: ((p, q.astype(float)), {}),
}


@pytest.mark.parametrize("name", CALLS)
def test_calls_of_one_form_have_the_cpus_bits_each_time(name, straight_anywhere):
    for _ in range(3):
        given, options = CALLS[name](*drawn(*[(5, SIZE)] * 3))
        there = {key: Foreign(x) if isinstance(x, np.ndarray) else x for key, x in options.items()}
        moved = [Foreign(x) if isinstance(x, np.ndarray) else x for x in given]
        found = huber.value_grad_hess(*moved, **there)
        assert bits(found) == bits(huber.value_grad_hess(*given, **options))
    assert straight_anywhere


def test_plain_calls_of_any_shape_are_of_one_form(straight, emulated):
    for shape in [(SIZE,), (40_000,), (7, 9), (3, 4, 5), (200_000,), (SIZE,)]:
        pred, target = drawn(shape, shape)
        found = huber.value_and_grad(Foreign(pred), Foreign(target))
        assert found[1].shape == shape
        assert bits(found) == bits(huber.value_and_grad(pred, target))
    (queue,) = _cuda_queues._queues.known.values()
    assert len(queue.forms) == 1
    assert len(straight) == len(emulated.launches) - 1 == 5


def test_the_second_call_of_a_form_goes_straight_to_the_driver_and_allocates_nothing(straight, emulated):
    pred, target, out = (cuda.to_device(x) for x in drawn(SIZE, SIZE, SIZE))
    value = cuda.device_array((), np.float64)
    huber.value_and_grad(pred, target, loss_out=value, grad_out=out)
    before = emulated.calls.copy()
    for delta in (1.0, 2.0):
        huber.value_and_grad(pred, target, delta=delta, loss_out=value, grad_out=out)
    assert len(straight) == 2
    assert emulated.calls == before


def test_if_the_internals_of_numba_are_unknown_numba_launches(straight, emulated, monkeypatch):
    def changed(compiled, args):
        raise AttributeError("_prepare_args")

    monkeypatch.setattr(_direct, "parameters_of", changed)
    for _ in range(4):
        pred, target = drawn(SIZE, SIZE)
        found = huber.value_and_grad(Foreign(pred), Foreign(target))
        assert bits(found) == bits(huber.value_and_grad(pred, target))
    assert not straight
    assert len(emulated.launches) == 4


def test_parameters_in_unexpected_positions_are_not_used(straight, monkeypatch):
    parameters_of = _direct.parameters_of
    monkeypatch.setattr(_direct, "parameters_of", lambda *args: ([0, *each] for each in parameters_of(*args)))
    for _ in range(3):
        pred, target = drawn(SIZE, SIZE)
        assert bits(huber.grad(Foreign(pred), Foreign(target))) == bits(huber.grad(pred, target))
    assert not straight


def known(*shapes, **options):
    """Device arrays for which the form of a call is remembered."""
    arrays = [Foreign(x) for x in drawn(*shapes)]
    for _ in range(3):
        huber.grad(*arrays[:2], grad_out=arrays[2], **options)
    return arrays


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda p, q, out: huber.grad(p, q, grad_out=out, delta=-1.0), ValueError, "delta must be a number"),
        (lambda p, q, out: huber.grad(p, q, grad_out=out, delta="1"), TypeError, "delta must be a number"),
        (lambda p, q, out: huber.grad(p, q, grad_out=out, dleta=1.0), TypeError, "unknown keyword 'dleta'"),
        (lambda p, q, out: huber.grad(p, q, grad_out=out, weight=-1.0), ValueError, "weight must be"),
        (lambda p, q, out: huber.grad(p, q, grad_out=out, normalizer=0.0), ValueError, "normalizer must be"),
        (lambda p, q, out: huber.grad(p, q, grad_out=out, reduction="avg"), ValueError, "reduction must be"),
        (lambda p, q, out: huber.grad(p, np.ones(SIZE), grad_out=out), TypeError, "target on the host"),
    ],
)
def test_a_call_of_a_known_form_is_checked_all_the_same(call, kind, message, straight, emulated):
    arrays = known(SIZE, SIZE, SIZE)
    known(SIZE, SIZE, SIZE, normalizer=2.0)
    launches = len(emulated.launches)
    with pytest.raises(kind, match=message):
        call(*arrays)
    assert len(emulated.launches) == launches


def test_a_mask_is_refused_though_the_form_is_known(straight, emulated):
    class Maskable(Foreign):
        mask = None

        @property
        def __cuda_array_interface__(self):
            return super().__cuda_array_interface__ | {"mask": self.mask}

    pred = Maskable(np.ones(SIZE, np.float32))
    for _ in range(3):
        huber(pred, 0.0)
    pred.mask = Foreign(np.ones(SIZE, bool))
    launches = len(emulated.launches)
    with pytest.raises(TypeError, match="pred has a mask, which is not supported"):
        huber(pred, 0.0)
    assert len(emulated.launches) == launches


def test_an_output_that_overlaps_is_refused_though_the_form_is_known(straight, emulated):
    known(SIZE, SIZE, SIZE)
    memory = np.ones(2 * SIZE, np.float32)
    pred, target, apart = Foreign(memory[:SIZE]), Foreign(np.ones(SIZE, np.float32)), Foreign(memory[SIZE:])
    overlapping = Foreign(memory[8 : SIZE + 8])
    launches = len(emulated.launches)
    with pytest.raises(ValueError, match="grad_out overlaps pred"):
        huber.grad(pred, target, grad_out=overlapping)
    assert len(emulated.launches) == launches
    huber.grad(pred, target, grad_out=apart)
    assert len(emulated.launches) == launches + 1


def test_a_gradient_in_the_place_of_pred_is_straight_too(straight_anywhere):
    known(SIZE, SIZE, SIZE)
    pred, target = drawn(SIZE, SIZE)
    launches = len(straight_anywhere)
    there = Foreign(pred)
    expected = huber.grad(pred, target)
    assert bits(huber.grad(there, Foreign(target), grad_out=there)) == bits(expected)
    assert len(straight_anywhere) == launches + 1


def test_arrays_of_another_device_than_the_forms_are_looked_at(straight, emulated, monkeypatch):
    monkeypatch.setattr(_cuda_queues, "device_count", lambda: 2)
    pred, target, _ = known(SIZE, SIZE, SIZE)
    launches = len(emulated.launches)
    address = target.__cuda_array_interface__["data"][0]
    monkeypatch.setattr(_cuda_queues, "device_at", lambda x: int(x == address))
    with pytest.raises(ValueError, match="one CUDA device, got pred on 0, target on 1"):
        huber.grad(pred, target, grad_out=Foreign(np.ones(SIZE, np.float32)))
    assert len(emulated.launches) == launches


def test_a_form_is_of_one_stream(straight, emulated):
    for stream in (5, 6, 5, 6):
        pred, target = drawn(SIZE, SIZE)
        found = huber.value_and_grad(Foreign(pred), Foreign(target), stream=stream)
        assert bits(found) == bits(huber.value_and_grad(pred, target))
    assert [launch.stream for launch in emulated.launches] == [5, 6, 5, 6]
    assert len(straight) == 2


def test_arrays_that_are_not_aligned_to_vector_loads_have_the_cpus_bits(straight_anywhere):
    pred, target = drawn(2 * SIZE, 2 * SIZE)
    for start, size in [
        (0, SIZE),
        (1, SIZE),
        (0, SIZE),
        (1, SIZE),
        (1, SIZE),
        (1, SIZE + 300),
        (2, SIZE + 300),
    ]:
        part = slice(start, size + start)
        found = huber.grad(Foreign(pred[part]), Foreign(target[part]))
        assert bits(found) == bits(huber.grad(pred[part], target[part]))


def test_forms_that_are_kept_are_bounded(straight, monkeypatch):
    monkeypatch.setattr(_cuda_queues, "_FORMS", 3)
    for columns in (2, 3, 4, 5, 6):
        pred, target = drawn((4, 2 * columns), (4, 2 * columns))
        huber.grad(Foreign(pred[:, ::2]), Foreign(target[:, ::2]))
    (queue,) = _cuda_queues._queues.known.values()
    assert len(queue.forms) == 2


def test_a_launch_that_the_driver_refuses_is_an_error(monkeypatch):
    class Status(int):
        name = "CUDA_ERROR_INVALID_CONTEXT"

    monkeypatch.setattr(_direct.driver, "cuLaunchKernel", lambda *_: (Status(201),))
    with pytest.raises(CudaAPIError, match="CUDA_ERROR_INVALID_CONTEXT"):
        _direct.start(1, 1, 32, 0, 0)
