"""bfloat16 on the device: the same bits as on the CPU, from integer instructions that every device has."""

import numpy as np
import pytest
from numba import cuda

from fastloss import huber, squared_error
from fastloss._rules.arrays import BFLOAT16 as STANDS_FOR_IT
from tests.layouts import LAYOUTS

from .conftest import Foreign
from .libraries import Array, stand_in, torch
from .results import bits

ml_dtypes = pytest.importorskip("ml_dtypes")

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
RNG = np.random.default_rng(31)


def cauchy(*shape):
    return RNG.standard_cauchy(shape).astype(BFLOAT16)


class Typed(Foreign):
    """An array with a `dtype`, so that results can have the same."""

    @property
    def dtype(self):
        return self.form[1]


PAIRS = [
    ("bfloat16", "bfloat16"),
    ("bfloat16", "f2"),
    ("bfloat16", "f8"),
    ("f4", "bfloat16"),
    ("i2", "bfloat16"),
]


@pytest.mark.parametrize(("dtype", "other"), PAIRS)
def test_types_have_the_cpus_bits(dtype, other, device):
    pred, target = (RNG.standard_normal(5000) * 9).astype(dtype), (RNG.random(5000) * 9).astype(other)
    found = huber.value_grad_hess(Typed(pred), Typed(target), delta=1.3, reduction="sum")
    assert bits(found) == bits(huber.value_grad_hess(pred, target, delta=1.3, reduction="sum"))


@pytest.mark.parametrize("target", [np.float32(0), np.float64(0)])
def test_every_bfloat16_is_read_and_written(target, device):
    pred = np.arange(1 << 16, dtype=np.uint16).view(BFLOAT16)
    # With 1.0 every bfloat16 is written as it is. With 1.3 most results are between two of them.
    for divisor in (1.0, 1.3):
        options = {"reduction": "mean", "normalizer": 2 * divisor}
        expected = squared_error.grad(pred, target, **options)
        found = squared_error.grad(Typed(pred), target, **options).copy_to_host()
        finite = ~np.isnan(expected.astype(np.float32))
        np.testing.assert_array_equal(np.isnan(found.astype(np.float32)), ~finite)
        np.testing.assert_array_equal(found.view(np.uint16)[finite], expected.view(np.uint16)[finite])


@pytest.mark.parametrize("layout", ["Fortran", "permuted", "strided", "reverse"])
def test_layouts_have_the_cpus_bits(layout, device):
    pred, target, weight = LAYOUTS[layout](cauchy(7, 30, 13)), cauchy(7, 30, 13), abs(cauchy(13))
    expected = huber.value_and_grad(pred, target, weight=weight, delta=2.0)
    for _ in range(3):
        found = huber.value_and_grad(Typed(pred), Typed(target), weight=Typed(weight), delta=2.0)
        assert bits(found) == bits(expected)


def test_outputs_parameters_and_numbers_on_the_device(device):
    pred, target, delta = cauchy(7, 30), np.array(0.25, BFLOAT16), abs(cauchy(30)) + BFLOAT16.type(0.5)
    options = {"reduction": "none"}
    expected = huber.value_and_grad(pred, target, delta=delta, **options)
    out = Typed(np.zeros_like(pred))
    for _ in range(3):
        found = huber.value_and_grad(Typed(pred), Typed(target), delta=Typed(delta), grad_out=out, **options)
        assert found[1] is out
        assert bits(found) == bits(expected)


def test_the_gradient_may_replace_pred(device):
    pred, both = cauchy(700), np.zeros(701, BFLOAT16)
    both[:700] = pred
    there, beside = Typed(both[:700]), Typed(both[1:])
    with pytest.raises(ValueError, match="grad_out overlaps pred"):
        huber.grad(there, 0.0, grad_out=beside)
    assert huber.grad(there, 0.0, grad_out=there) is there
    assert bits([there]) == bits([huber.grad(pred, 0.0)])


def test_bad_input_is_named(emulated):
    x = Typed(cauchy(3))
    with pytest.raises(ValueError, match=r"target must have pred's shape \(3,\) or broadcast"):
        huber(x, Typed(cauchy(2)))
    with pytest.raises(ValueError, match=r"grad_out must have shape \(3,\) and dtype .*bfloat16"):
        huber.grad(x, x, grad_out=Typed(np.zeros(3, np.float32)))
    with pytest.raises(TypeError, match="where must hold booleans"):
        huber(x, x, where=x)
    with pytest.raises(TypeError, match="pred must be aligned"):
        huber(Typed(np.zeros(7, np.uint8)[1:].view(BFLOAT16)), 0.0)
    with pytest.raises(TypeError, match="pred must hold real numbers"):
        huber(Typed(np.zeros(3, "V2")), 0.0)
    assert np.isnan(huber(Typed(cauchy(0)), 0.0).copy_to_host())


class Tensor(Array):
    """A PyTorch tensor whose interface describes bfloat16 as one of PyTorch's versions does."""

    told = "<V2"

    def __init__(self, host, device=None):
        super().__init__(host.view(STANDS_FOR_IT) if host.dtype == BFLOAT16 else host, device)

    @property
    def dtype(self):
        return "bfloat16" if self.form[1] == STANDS_FOR_IT else self.form[1]

    @property
    def __cuda_array_interface__(self):
        found = super().__cuda_array_interface__
        if self.dtype != "bfloat16":
            return found
        if self.told is None:
            raise KeyError(self.dtype)
        return found | {"typestr": self.told}

    def data_ptr(self):
        return super().__cuda_array_interface__["data"][0]

    def copy_to_host(self):
        found = super().copy_to_host()
        return found.view(np.uint16).view(BFLOAT16) if self.dtype == "bfloat16" else found


class Mine(Tensor):
    """A class that a user derived from the tensor."""


@pytest.fixture(params=["<V2", "<f2", None])
def pytorch(request, monkeypatch, emulated):
    """Stand in for what fastloss uses of PyTorch, in one of its versions."""
    module = stand_in(monkeypatch, "torch", torch() | {"Tensor": Tensor})
    types = {"bfloat16": STANDS_FOR_IT}
    module.empty = lambda shape, dtype, device: Tensor(np.empty(shape, types.get(dtype, dtype)), device)
    monkeypatch.setattr(Tensor, "told", request.param)
    return module


@pytest.mark.parametrize("kind", [Tensor, Mine])
def test_pytorchs_tensors_whatever_their_interface_tells(kind, pytorch):
    pred, target = cauchy(30, 8), cauchy(8)
    for turn in (lambda x: x, lambda x: x[::2]):
        expected = huber.value_and_grad(turn(pred), target)
        for _ in range(3):
            value, grad = huber.value_and_grad(kind(turn(pred), "cuda:0"), kind(target, "cuda:0"))
            assert type(value) is type(grad) is Tensor
            assert grad.dtype == "bfloat16"
            assert bits([value, grad]) == bits(expected)
    out = kind(np.zeros_like(pred), "cuda:0")
    assert huber.grad(Tensor(pred, "cuda:0"), 0.0, grad_out=out) is out
    assert bits([out]) == bits([huber.grad(pred, 0.0)])
    wide = Tensor(pred.astype(np.float32), "cuda:0")
    assert huber(wide, kind(target, "cuda:0")).copy_to_host() == huber(wide.seen, target)


def test_a_tensor_of_another_type_is_named(pytorch):
    class Narrow(Tensor):
        dtype = "float8"

        @property
        def __cuda_array_interface__(self):
            raise KeyError(self.dtype)

    with pytest.raises(TypeError, match="pred must hold real numbers of at most 64 bits, got dtype float8"):
        huber(Narrow(np.zeros(3, np.uint8), "cuda:0"), 0.0)
    with pytest.raises(TypeError, match="target must hold real numbers of at most 64 bits, got dtype float8"):
        huber(Tensor(cauchy(3), "cuda:0"), Narrow(np.zeros(3, np.uint8), "cuda:0"))


@pytest.mark.skipif(not cuda.is_available(), reason="no GPU")
def test_pytorchs_own_tensors():
    torch = pytest.importorskip("torch")
    pred, target = cauchy(4, 700), cauchy(4, 700)
    there = [torch.from_numpy(x.view(np.int16)).cuda().view(torch.bfloat16) for x in (pred, target)]
    for _ in range(3):
        value, grad = huber.value_and_grad(*there)
        expected = huber.value_and_grad(pred, target)
        assert value.item() == expected[0]
        assert grad.dtype is torch.bfloat16
        np.testing.assert_array_equal(grad.view(torch.int16).cpu().numpy(), expected[1].view(np.int16))
