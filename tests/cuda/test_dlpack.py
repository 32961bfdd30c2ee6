"""Device arrays that support only DLPack, or whose library does not reveal its streams."""

from types import SimpleNamespace

import numpy as np
import pytest

from fastloss import huber
from tests.foreign import OnlyDLPack

from .conftest import Foreign
from .libraries import stand_in

PRED, TARGET = np.random.default_rng(3).standard_cauchy((2, 4, 700)).astype(np.float32)
CUDA = 2  # DLPack's code for CUDA devices


class DLPackArray(OnlyDLPack):
    """A device array that supports DLPack and nothing else."""

    def __init__(self, host, legacy=False):
        self.there = Foreign(host)
        # NumPy makes the capsule without reading an element.
        described = SimpleNamespace(__array_interface__=self.there.__cuda_array_interface__)
        super().__init__(np.asarray(described), (CUDA, 0), legacy)


@pytest.mark.parametrize("legacy", [False, True], ids=["versioned", "legacy"])
@pytest.mark.parametrize("turn", [lambda x: x, lambda x: x.T, lambda x: x[1:, ::-2]])
def test_an_array_is_read_where_it_lies(turn, legacy, device):
    pred, target, weight = (DLPackArray(turn(x), legacy) for x in (PRED, TARGET, abs(TARGET)))
    value, grad = huber.value_and_grad(pred, target, weight=weight, delta=2.0)
    expected = huber.value_and_grad(turn(PRED), turn(TARGET), weight=turn(abs(TARGET)), delta=2.0)
    assert float(value.copy_to_host()) == expected[0]
    np.testing.assert_array_equal(grad.copy_to_host(), expected[1])
    assert pred.streams == target.streams == [1]  # CUDA's default stream, for which the library waits


def test_an_output_is_written_there_and_returned_itself(device):
    pred, out = DLPackArray(PRED), DLPackArray(np.zeros_like(PRED))
    value, grad = huber.value_and_grad(pred, DLPackArray(TARGET), grad_out=out)
    assert grad is out
    np.testing.assert_array_equal(out.there.copy_to_host(), huber.grad(PRED, TARGET))
    assert not isinstance(value, np.ndarray)


def test_an_output_that_is_read_only_is_refused(emulated):
    out = np.zeros_like(PRED)
    out.flags.writeable = False
    with pytest.raises(ValueError, match="huber: grad_out must be writeable, got a read-only array"):
        huber.grad(DLPackArray(PRED), DLPackArray(TARGET), grad_out=DLPackArray(out))
    assert not emulated.launches


def test_the_stream_that_the_caller_gives_is_the_callers_to_order(emulated):
    pred = DLPackArray(PRED)
    huber(pred, Foreign(TARGET), stream=9)
    huber(Foreign(PRED), pred, stream=9)
    assert pred.streams == [-1, -1]  # no synchronisation
    assert [launch.stream for launch in emulated.launches] == [9, 9]


def test_arrays_of_the_host_beside_it_are_named(emulated):
    with pytest.raises(TypeError, match="huber: pred on a CUDA device, target on the host"):
        huber(DLPackArray(PRED), TARGET)


@pytest.mark.parametrize(("dtype", "code"), [(np.complex64, "complex64"), (np.complex128, "complex128")])
def test_a_type_without_real_numbers_is_named(dtype, code, emulated):
    with pytest.raises(TypeError, match=f"huber: target must hold real numbers .* got dtype {code}"):
        huber(DLPackArray(PRED), DLPackArray(TARGET.astype(dtype)))


def test_jaxs_arrays_are_waited_for(emulated, monkeypatch):
    """The interface of JAX's arrays names no stream."""
    waited = []

    class Array(Foreign):
        def block_until_ready(self):
            waited.append(self)

    stand_in(monkeypatch, "jax", {"Array": Array})
    pred, target = Array(PRED), Array(TARGET)
    for _ in range(2):  # the form of the call is new at first, then remembered
        waited.clear()
        value, _ = huber.value_and_grad(pred, target)
        assert {id(x) for x in waited} == {id(pred), id(target)}
        assert float(value.copy_to_host()) == huber(PRED, TARGET)
