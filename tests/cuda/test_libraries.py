"""Arrays of the supported libraries: results are arrays of the same library, on its current stream."""

import sys
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
from numba import cuda

from fastloss import huber
from fastloss._cuda import queues as _cuda_queues

from .conftest import Foreign
from .libraries import Array, RequiresGrad, cupy, stand_in, torch

PRED, TARGET = np.random.default_rng(3).standard_cauchy((2, 4, 700)).astype(np.float32)


class Mine(Array):
    """A class that a user derived from the array of the library."""


@pytest.fixture(params=[torch, cupy])
def library(request, monkeypatch):
    return stand_in(monkeypatch, request.param.__name__, request.param())


@pytest.fixture
def current(library, device):
    """On a GPU, make the current stream of the library one that exists."""
    if device == "gpu":
        stream = cuda.stream()
        library.streams.now = int(stream.handle)
        yield stream
        stream.synchronize()
    else:
        yield None


def device_of(library):
    return "cuda:0" if library.__name__ == "torch" else nullcontext()


@pytest.mark.parametrize("kind", [Array, Mine])
@pytest.mark.usefixtures("current")
def test_results_are_arrays_of_preds_library(kind, library):
    device = device_of(library)
    value, grad = huber.value_and_grad(kind(PRED.T, device), kind(TARGET.T, device))
    expected = huber.value_and_grad(PRED.T, TARGET.T)
    assert type(value) is type(grad) is Array
    assert (value.form[0], value.form[1]) == ((), np.float64)
    assert value.copy_to_host() == expected[0]
    assert grad.form == (PRED.T.shape, np.float32, PRED.T.strides)
    np.testing.assert_array_equal(grad.copy_to_host(), expected[1])
    if library.__name__ == "torch":
        assert value.device == grad.device == device


@pytest.mark.usefixtures("current")
def test_outputs_given_are_returned_themselves(library):
    out = Array(np.empty_like(PRED))
    where = device_of(library)
    assert huber.grad(Array(PRED, where), Array(TARGET, where), grad_out=out) is out
    np.testing.assert_array_equal(out.copy_to_host(), huber.grad(PRED, TARGET))


@pytest.mark.parametrize("kind", [Array, Mine])
def test_later_calls_on_arrays_of_a_library_are_of_a_known_form(kind, library, emulated):
    where = device_of(library)
    for shape in [(5, 60), (5, 60), (300,), (7, 8), (7, 8)]:
        pred, target = np.random.default_rng(len(shape)).standard_cauchy((2, *shape)).astype(np.float32)
        for turn in (lambda x: x, lambda x: x.T, lambda x: x[::-1]):
            expected = huber.value_and_grad(turn(pred), turn(target))
            value, grad = huber.value_and_grad(kind(turn(pred), where), kind(turn(target), where))
            assert value.copy_to_host() == expected[0]
            np.testing.assert_array_equal(grad.copy_to_host(), expected[1])
    assert 1 < len(*[queue.forms for queue in _cuda_queues._queues.known.values()]) < 11


def test_new_arrays_that_a_kernel_could_not_write_are_refused(library, emulated):
    library.empty = lambda shape, *_, **__: Array(np.empty(np.prod(shape, dtype=int) + 1, np.float32)[1:])
    pred = Array(PRED.ravel(), device_of(library))
    with pytest.raises(RuntimeError, match="huber: a new array is not aligned to 16 bytes: pass grad_out"):
        huber.grad(pred, 0.0)
    assert not emulated.launches


def test_launches_go_to_the_librarys_current_stream(library, emulated):
    pred, target = Array(PRED, device_of(library)), Array(TARGET, device_of(library))
    huber(pred, target)
    huber(pred, target, stream=9)
    huber(pred, target, stream=0)
    assert [launch.stream for launch in emulated.launches] == [70, 9, 0]
    assert library.streams.made_on == [70, 9, 0]  # a library reuses memory in stream order
    assert library.streams.now == 70


def test_tensors_have_the_stream_of_their_own_device(monkeypatch, emulated):
    stand_in(monkeypatch, "torch", torch())
    huber(Array(PRED, "cuda:1"), Array(TARGET, "cuda:1"))
    assert [launch.stream for launch in emulated.launches] == [71]


def test_a_cupy_result_is_made_on_the_device_of_pred(monkeypatch, emulated):
    module, entered = stand_in(monkeypatch, "cupy", cupy()), []

    @contextmanager
    def device():
        entered.append(len(module.streams.made_on))
        yield

    huber(Array(PRED, device()), 0.0)
    assert entered == [0]
    assert len(module.streams.made_on) == 1


def test_a_tensor_that_requires_grad_is_named(emulated):
    with pytest.raises(
        TypeError, match=r"huber: a tensor that requires grad was given: pass tensor.detach\(\)"
    ):
        huber(RequiresGrad(PRED), 0.0)


def test_no_library_is_imported(monkeypatch, emulated):
    asked = []
    monkeypatch.setattr(
        sys, "meta_path", [SimpleNamespace(find_spec=lambda name, *_: asked.append(name)), *sys.meta_path]
    )
    for name in ("torch", "cupy"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    huber(Foreign(PRED), Foreign(TARGET))
    assert not {"torch", "cupy"} & {name.partition(".")[0] for name in asked}


def own(name):
    """Import a library, or skip the test if it or a GPU is missing."""
    if not cuda.is_available():
        pytest.skip("no GPU")
    return pytest.importorskip(name)


def test_pytorchs_tensors_on_its_current_stream():
    torch = own("torch")
    pred, target = (torch.from_numpy(x).cuda() for x in (PRED, TARGET))
    expected = huber.value_and_grad(PRED, TARGET)
    with torch.cuda.stream(torch.cuda.Stream()):
        for _ in range(3):
            value, grad = huber.value_and_grad(pred, target)
        torch.cuda.current_stream().synchronize()
    assert value.device == grad.device == pred.device
    assert (value.item(), value.shape, grad.shape) == (expected[0], (), PRED.shape)
    np.testing.assert_array_equal(grad.cpu().numpy(), expected[1])
    with pytest.raises(TypeError, match="a tensor that requires grad was given"):
        huber.value_and_grad(pred.requires_grad_(), target)


def test_cupys_arrays_on_its_current_stream():
    cupy = own("cupy")
    pred, target = cupy.asarray(PRED), cupy.asarray(TARGET)
    expected = huber.value_and_grad(PRED, TARGET)
    with cupy.cuda.Stream() as stream:
        for _ in range(3):
            value, grad = huber.value_and_grad(pred, target)
        stream.synchronize()
    assert type(value) is type(grad) is cupy.ndarray
    assert float(value) == expected[0]
    np.testing.assert_array_equal(grad.get(), expected[1])
