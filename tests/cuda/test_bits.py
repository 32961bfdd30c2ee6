"""Results on the device have the same bits as on the CPU, and a call does not wait for the device."""

from itertools import product

import numpy as np
import pytest
from numba import cuda, types

import fastloss
from fastloss import huber
from fastloss._cpu.kernel import fold_pairs
from fastloss._cuda import kernel as _cuda_kernel
from fastloss._definition.drawing import drawn
from fastloss._formula.sum import CHUNK
from fastloss.losses import shipped
from tests import ptxrun
from tests.exact import REFERENCES
from tests.layouts import LAYOUTS
from tests.reference import different_in_kind

from .conftest import Foreign
from .results import bits

TYPES = [np.float32, np.float64]
SHAPE = (5, 3 * CHUNK // 5 + 77)
RNG = np.random.default_rng(21)
KEYWORDS = {
    "plain": {},
    "sum": {"reduction": "sum"},
    "none": {"reduction": "none"},
    "normalizer": {"normalizer": 3.7},
    "weights": {"weight": RNG.random(SHAPE, np.float32)},
    "weights of rows": {"weight": RNG.random((5, 1))},
    "one weight": {"weight": 0.3},
    "mask": {"where": RNG.random(SHAPE) < 0.7},
    "mask of columns": {"where": RNG.random(SHAPE[1]) < 0.7},
    "weights and mask": {"weight": RNG.random(SHAPE[1], np.float32), "where": RNG.random(SHAPE) < 0.7},
    "weights and mask, sum": {
        "weight": RNG.random(SHAPE),
        "where": RNG.random((5, 1)) < 0.7,
        "reduction": "sum",
    },
    "no mask": {"where": True},
}


class Plain:
    """An array whose host memory the emulated device uses as its own."""

    def __init__(self, host):
        self.host = host
        described = {"shape": host.shape, "typestr": host.dtype.str, "version": 3}
        self.__cuda_array_interface__ = described | {
            "data": (host.ctypes.data, False),
            "strides": host.strides,
        }


def there(options):
    return {name: Foreign(x) if isinstance(x, np.ndarray) else x for name, x in options.items()}


@pytest.mark.parametrize(
    ("name", "keywords", "dtype"),
    [
        (name, word, dtype)
        for name in shipped()
        for word, dtype in (
            product(KEYWORDS, TYPES) if name in different_in_kind() else [("plain", np.float32)]
        )
    ],
)
def test_every_loss_and_keyword_has_the_cpus_bits(name, keywords, dtype, device):
    loss, options = shipped()[name], KEYWORDS[keywords] | REFERENCES[name].choices[0]
    pred, target = drawn(loss, RNG, SHAPE, dtype, 3.0 * 10.0 ** RNG.integers(-6, 2, SHAPE))
    found = loss.value_grad_hess(Foreign(pred), Foreign(target), **there(options))
    assert bits(found) == bits(loss.value_grad_hess(pred, target, **options))


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", different_in_kind())
def test_irls_weights_have_the_cpus_bits(name, dtype, device):
    loss, options = shipped()[name], KEYWORDS["weights and mask"] | REFERENCES[name].choices[0]
    pred, target = drawn(loss, RNG, SHAPE, dtype)
    pred[0, :9], target[0, :9] = (
        [0, 1, np.inf, np.inf, 0, 0, 1, np.nan, 1],
        [0, 1, 0, np.inf, 1, -1, 2, 1, 1e9],
    )
    expected = loss.irls_weights(pred, target, **options)
    given = Foreign(np.zeros_like(pred))
    for _ in range(3):  # the later calls are launched directly by the driver
        loss.irls_weights(Foreign(pred), Foreign(target), weights_out=given, **there(options))
        np.testing.assert_array_equal(given.copy_to_host(), expected)
    with pytest.raises(ValueError, match=f"{name}: weights_out must have shape"):
        loss.irls_weights(Foreign(pred), Foreign(target), weights_out=Foreign(np.zeros(3)))


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(
    "layout", [name for name in LAYOUTS if "swapped" not in name and name != "misaligned"]
)
def test_layouts_have_the_cpus_bits(layout, dtype, device):
    pred, target = RNG.standard_cauchy((2, 7, 30, 113)).astype(dtype)
    moved = LAYOUTS[layout](pred)
    expected = huber.value_and_grad(moved, target, delta=2.0)
    out = LAYOUTS[layout](np.zeros_like(pred))
    value, grad = huber.value_and_grad(Foreign(moved), Foreign(target), delta=2.0)
    assert bits([value]) == bits(expected[:1])
    np.testing.assert_array_equal(grad.copy_to_host(), expected[1])
    assert [s for s in grad.strides] == list(expected[1].strides)
    huber.grad(Foreign(moved), Foreign(target), delta=2.0, grad_out=(given := Foreign(out)))
    np.testing.assert_array_equal(given.copy_to_host(), expected[1])


def test_windows_and_arrays_of_numba_that_repeat_elements(emulated):
    windows = np.lib.stride_tricks.sliding_window_view(RNG.standard_cauchy(3000), 100)
    assert bits([huber(Foreign(windows), 0.0)]) == bits([huber(windows, 0.0)])
    column = cuda.to_device(RNG.standard_cauchy((30, 1)))
    wide = np.broadcast_to(column.host, (30, 40))
    repeated = type(column)(emulated, wide, owner=column)
    # This is what Numba reports, although the array is not contiguous.
    assert repeated.__cuda_array_interface__["strides"] is None
    assert bits([huber(repeated, 0.0)]) == bits([huber(wide, 0.0)])


@pytest.mark.parametrize("offset", [1, 2, 3])
def test_arrays_that_are_not_aligned_to_vector_loads(offset, device):
    pred, target = RNG.standard_cauchy((2, 40_000)).astype(np.float32)
    expected = huber.value_and_grad(pred[offset:], target[offset:])
    found = huber.value_and_grad(Foreign(pred[offset:]), Foreign(target[offset:]))
    assert bits(found) == bits(expected)


@pytest.mark.parametrize("size", [0, 1, 511, 512, CHUNK - 1, CHUNK, CHUNK + 1, 9 * CHUNK + 5])
@pytest.mark.parametrize("order", ["forward", "reverse", "random"])
def test_bits_do_not_depend_on_the_order_of_blocks(order, size, emulated):
    emulated.options["order"] = order
    pred, target = RNG.standard_cauchy((2, size)).astype(np.float32)
    found = huber.value_and_grad(Foreign(pred), Foreign(target), reduction="sum")
    assert bits(found) == bits(huber.value_and_grad(pred, target, reduction="sum"))


@pytest.mark.parametrize("other", [np.float16, np.float32, np.float64, np.int16, np.bool_])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int32])
def test_types_have_the_cpus_bits(dtype, other, device):
    pred, target = (RNG.integers(0, 9, 5000) / 2).astype(dtype), (RNG.integers(0, 9, 5000) / 2).astype(other)
    found = huber.value_and_grad(Foreign(pred), Foreign(target), delta=1.3, reduction="sum")
    assert bits(found) == bits(huber.value_and_grad(pred, target, delta=1.3, reduction="sum"))


def test_a_call_waits_for_nothing(emulated):
    pred, target, weight, out = (cuda.to_device(np.ones(9 * CHUNK, np.float32)) for _ in range(4))
    for _ in range(2):
        before = emulated.calls.copy()
        huber.grad(pred, target, weight=weight, grad_out=out)
        launches = len(emulated.launches)
        huber.grad(pred, target, grad_out=out)
    assert emulated.calls["synchronize"] == 0
    assert emulated.calls["copy_to_host"] == 0
    assert len(emulated.launches) == launches + 1
    assert emulated.calls["to_device"] == before["to_device"]
    assert emulated.calls["device_array"] == before["device_array"]


def test_launches_go_to_the_stream_given(emulated):
    stream = cuda.stream()
    x = cuda.to_device(np.ones(10, np.float32))
    huber.value_and_grad(x, x, stream=stream)
    huber.value_and_grad(x, x)
    assert [launch.stream for launch in emulated.launches] == [int(stream.handle), 0]


def test_a_users_loss_runs_on_the_device(device):
    @fastloss.loss(scale=fastloss.positive(default=1.0))
    def users(pred, target, scale):
        error = (pred - target) / scale
        return abs(error), error, scale

    pred, target = RNG.standard_normal((2, 700))
    found = users.value_grad_hess(Foreign(pred), Foreign(target), scale=2.0)
    for ours, theirs in zip(found, users.value_grad_hess(pred, target, scale=2.0), strict=True):
        np.testing.assert_allclose(ours.copy_to_host(), theirs, rtol=1e-15)


def test_numbers_on_the_device(device):
    three, delta = Foreign(np.array(3.0)), Foreign(np.array(2.0))
    value, grad = huber.value_and_grad(three, 0.0, weight=2.0, delta=1.0, reduction="sum")
    assert (value.shape, value.copy_to_host(), grad.shape, grad.copy_to_host()) == ((), 5.0, (), 2.0)
    pred = RNG.standard_cauchy(999)
    found = huber.value_and_grad(Foreign(pred), three, delta=delta)
    assert bits(found) == bits(huber.value_and_grad(pred, 3.0, delta=2.0))


def test_the_mean_of_nothing_is_nan_without_a_warning(device):
    x = np.ones(5)
    value, grad = huber.value_and_grad(Foreign(x), 0.0, where=False)
    assert np.isnan(value.copy_to_host())
    assert not grad.copy_to_host().any()
    assert np.isnan(huber(Foreign(np.empty(0)), 0.0).copy_to_host())


def test_more_chunks_than_the_threads_that_fold_them(device):
    pred, target = RNG.standard_cauchy((2, 300 * CHUNK + 5)).astype(np.float32)
    assert bits([huber(Foreign(pred), Foreign(target))]) == bits([huber(pred, target)])


def test_rows_whose_distance_exceeds_32_bits(emulated):
    apart = np.lib.stride_tricks.as_strided(np.empty((1 << 32) // 8 + 9), (2, 9), ((1 << 32) + 8, 8))
    apart[:] = RNG.standard_normal((2, 9))
    grad = cuda.device_array((2, 9), np.float64)
    huber.grad(Plain(apart), 0.0, grad_out=grad)
    np.testing.assert_array_equal(grad.copy_to_host(), huber.grad(apart.copy(), 0.0))


def test_the_gradient_without_weight_is_nan(device):
    pred, weight = RNG.standard_normal(700), np.zeros(700)
    for found in huber.value_and_grad(Foreign(pred), 0.0, weight=Foreign(weight)):
        assert np.isnan(found.copy_to_host()).all()


@pytest.mark.parametrize("order", ["forward", "reverse", "random"])
def test_sums_of_many_chunks_fold_as_on_the_cpu(order):
    """Fold more chunks than a test can afford to compute: groups of groups, some of them incomplete."""

    def kernel(values, partials, tickets, total):
        _cuda_kernel.fold(values[cuda.blockIdx.x], partials, tickets, total, 1.0)

    f8, u4 = types.Array(types.float64, 1, "C"), types.Array(types.uint32, 1, "C")
    compiled = ptxrun.compile(kernel, (f8, f8, u4, f8), cc=(9, 0))
    for count in (1, 2, 3, 63, 64, 65, 127, 4095, 4096, 4097):
        values = np.random.default_rng(count).standard_cauchy(count)
        partials, tickets, total = np.zeros(2 * count + 64), np.zeros(count, np.uint32), np.zeros(1)
        compiled[count, _cuda_kernel.THREADS](values, partials, tickets, total, order=order, seed=count)
        assert total[0] == fold_pairs(values.copy())
        assert not tickets.any()


def test_elements_outside_of_an_operands_domain_have_the_cpus_bits(device):
    @fastloss.loss(pred=fastloss.nonnegative(), target=fastloss.labels(-1, 1))
    def product(pred, target):
        return pred * target, target, pred

    pred = RNG.standard_normal(SHAPE).astype(np.float32)
    target = RNG.choice(np.array([-1, 0, 1, np.nan], np.float32), SHAPE)
    found = product.value_grad_hess(Foreign(pred), Foreign(target), reduction="none")
    expected = product.value_grad_hess(pred, target, reduction="none")
    for x, y in zip(found, expected, strict=True):
        np.testing.assert_array_equal(x.copy_to_host(), y)  # not the bits: the device has another NaN
    assert 0 < np.isnan(expected[0]).sum() < pred.size
