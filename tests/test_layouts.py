"""Every layout and type of NumPy arrays: the same numbers give the same bits."""

from array import array

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from fastloss import absolute_error, huber, smooth_l1, squared_error
from fastloss._formula.sum import CHUNK
from fastloss._rules.options import CALLS
from fastloss._rules.order import Order

from .calls import data, invoke, outputs_of
from .foreign import OnlyArray
from .layouts import LAYOUTS, contiguous, swapped
from .reference import assert_close, reduced

SHAPES = [(7,), (1,), (5, 3), (3, 1, 4), (2, 3, 4, 5)]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_equal_the_contiguous_call(layout, shape, call):
    pred, target = data(shape, np.float32)
    for reduction in ("mean", "none"):
        expected = invoke(smooth_l1, call, pred, target, reduction=reduction, beta=0.5)
        found = invoke(smooth_l1, call, LAYOUTS[layout](pred), target, reduction=reduction, beta=0.5)
        for quantity, result in found.items():
            assert_close(result, expected[quantity], np.float32)
        found = invoke(smooth_l1, call, pred, LAYOUTS[layout](target), reduction=reduction, beta=0.5)
        for quantity, result in found.items():
            np.testing.assert_array_equal(result, expected[quantity])


@pytest.mark.usefixtures("few_threads")
@pytest.mark.parametrize("shape", [(6 * CHUNK + 99,), (37, 6, 601), (5, 1000, 30), (70_000, 2), (2, 70_000)])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_bits_are_those_of_the_same_numbers_in_the_same_order_of_axes(layout, shape):
    pred, target = np.random.default_rng(5).standard_cauchy((2, *shape)).astype(np.float32)
    pred = LAYOUTS[layout](pred)
    expected = huber.value_and_grad(contiguous(pred), contiguous(target), delta=2.0)
    for other in ("C", "Fortran", "strided"):
        value, grad = huber.value_and_grad(pred, LAYOUTS[other](target), delta=2.0)
        assert value == expected[0]
        np.testing.assert_array_equal(grad, expected[1])


@pytest.mark.usefixtures("few_threads")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_operand_and_output_may_have_its_own_layout(layout):
    shape = (50, 7, 201)
    rng = np.random.default_rng(6)
    pred, target = rng.standard_normal((2, *shape))
    operands = {
        "weight": rng.random(shape),
        "where": rng.random(shape) < 0.5,
        "delta": rng.random(shape) + 0.1,
    }
    expected = huber.value_grad_hess(pred, target, **operands)
    for name in operands:
        moved = operands | {name: LAYOUTS[layout](operands[name])}
        outs = {out: LAYOUTS[layout](np.zeros(shape)) for out in ("grad_out", "hess_out")}
        found = huber.value_grad_hess(pred, target, **moved, **outs)
        assert found[0] == expected[0]
        assert found[1] is outs["grad_out"]
        assert found[2] is outs["hess_out"]
        np.testing.assert_array_equal(found[1], expected[1])
        np.testing.assert_array_equal(found[2], expected[2])


TYPES = ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", ">i4", ">f2", ">f4", ">f8"]


def numbers(dtype, size=300, seed=0):
    values = np.random.default_rng(seed).integers(0, 100, size)
    return (values / 8).astype(dtype) if np.dtype(dtype).kind == "f" else values.astype(dtype)


@pytest.mark.parametrize("target_type", ["f4", "f8", "i2", "?", ">f4"])
@pytest.mark.parametrize("pred_type", TYPES)
def test_types_are_computed_in_float32_or_float64(pred_type, target_type):
    pred, target = numbers(pred_type), numbers(target_type, seed=1)
    narrow = {np.dtype(np.float16), np.dtype(np.float32)}
    both_narrow = {pred.dtype.newbyteorder("="), target.dtype.newbyteorder("=")} <= narrow
    dtype = np.dtype(np.float32 if both_narrow else np.float64)
    exact = huber.value_grad_hess(pred.astype(dtype), target.astype(dtype), delta=0.3)
    value, grad, hess = huber.value_grad_hess(pred, target, delta=0.3)
    assert value == exact[0]
    expected = pred.dtype.newbyteorder("=") if pred.dtype.kind == "f" else np.dtype(np.float64)
    for result, wide in ((grad, exact[1]), (hess, exact[2])):
        assert result.dtype == expected
        assert result.dtype.isnative
        np.testing.assert_array_equal(result, wide.astype(expected))


def test_float16_is_computed_in_float32():
    pred, target = np.full(3, 300, np.float16), np.zeros(3, np.float16)
    assert huber(pred, target, delta=1000) == 45_000  # 300**2 is inf in float16
    grad = huber.grad(pred * 0 + 1, target, weight=[1e-3, 1e3, 1])
    assert grad.dtype == np.float16
    np.testing.assert_allclose(grad, np.array([1e-3, 1e3, 1]) / 1001.001, rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("weak", [True, 2, 0.1, 10**20])
def test_python_numbers_are_weakly_typed(weak):
    pred = np.array([1.0, 2.0, 7.0], np.float32)
    assert huber(pred, weak) == huber(pred, np.full(3, weak, np.float32))
    assert huber(pred, np.float64(weak)) == huber(pred.astype(float), np.full(3, weak, float))
    assert huber(pred.astype(np.float16), weak) == huber(pred, np.full(3, weak, np.float32))
    assert huber.grad(pred, np.float64(weak)).dtype == np.float32


def test_lists_and_array_objects_as_operands():
    assert huber(np.ones(3), 0.0, delta=range(1, 4)) == huber(np.ones(3), 0.0, delta=array("d", [1, 2, 3]))
    pred = [[1.0, 2.0], [3.0, 4.0]]
    expected = huber.value_and_grad(
        np.array(pred),
        np.zeros((2, 2)),
        weight=np.array([[2.0, 3.0]] * 2),
        where=np.array([[True, False]] * 2),
        delta=np.array([[1.0, 1.0], [0.5, 0.5]]),
    )
    delta = OnlyArray([[1.0], [0.5]])
    value, grad = huber.value_and_grad(pred, [0, 0], weight=(2, 3), where=[True, False], delta=delta)
    assert value == expected[0]
    np.testing.assert_array_equal(grad, expected[1])


@pytest.mark.parametrize("shape", [(), (1,), (4,), (3, 1), (1, 4), (2, 1, 1), (2, 3, 4)])
def test_targets_broadcast_to_preds_shape(shape):
    pred, _ = data((2, 3, 4), np.float64)
    target = np.random.default_rng(7).standard_normal(shape)
    expected = huber.value_and_grad(pred, np.broadcast_to(target, pred.shape).copy())
    value, grad = huber.value_and_grad(pred, target)
    assert value == expected[0]
    np.testing.assert_array_equal(grad, expected[1])


def steps(x):
    """The strides of the axes with more than one element."""
    return [stride for size, stride in zip(x.shape, x.strides, strict=True) if size > 1]


@pytest.mark.parametrize("layout", ["Fortran", "permuted", "strided", "reverse", "strided Fortran"])
def test_gradients_lie_in_memory_as_numpys_results(layout):
    for shape in SHAPES:
        pred = LAYOUTS[layout](np.ones(shape))
        assert steps(huber.grad(pred, pred)) == steps(pred + pred)
    row, column = np.broadcast_to(np.ones(3), (2, 3)), np.broadcast_to(np.ones((2, 1)), (2, 3))
    for pred in (row, column, row.T, column.T):
        assert steps(huber.grad(pred, 0.0)) == steps(pred + pred)


def test_order_of_axes_is_that_of_numpys_iterator():
    rng = np.random.default_rng(8)
    for _ in range(300):
        shape = rng.integers(1, 4, rng.integers(1, 6))
        wide = np.zeros(2 * shape)[tuple(slice(None, None, rng.integers(1, 3)) for _ in shape)]
        view = wide.transpose(rng.permutation(shape.size))
        zero = rng.random(shape.size) < 0.3
        view = np.lib.stride_tricks.as_strided(view, strides=np.where(zero, 0, view.strides))
        assert steps(Order(view).empty(np.dtype(float))) == steps(view + 0)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_outputs_of_any_layout_are_written_in_place_and_returned(layout, call):
    pred, target = data((3, 5, 40), np.float32)
    for reduction in ("mean", "none"):
        expected = invoke(huber, call, pred, target, reduction=reduction)
        outs = outputs_of(call, reduction, pred.shape, np.float32)
        given = {name: LAYOUTS[layout](out) for name, out in outs.items()}
        results = invoke(huber, call, pred, target, reduction=reduction, **given)
        for quantity, result in results.items():
            np.testing.assert_array_equal(result, expected[quantity])
        for out in given.values():
            assert any(result is out for result in results.values())


@pytest.mark.usefixtures("few_threads")
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f4"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_gradient_may_replace_an_input_of_any_layout(layout, dtype):
    shape = (3, 5, 4000)
    pred, target = (LAYOUTS[layout](x.astype(dtype)) for x in data(shape, np.float32))
    expected = huber.value_and_grad(pred, target, delta=2.0)
    for name in ("pred", "target"):
        operands = {"pred": pred.copy("K"), "target": target.copy("K")}
        value, grad = huber.value_and_grad(**operands, delta=2.0, grad_out=operands[name])
        assert value == expected[0]
        assert grad is operands[name]
        np.testing.assert_array_equal(grad, expected[1])


def test_interleaved_outputs():
    pred, target = data(1000, np.float64)
    expected = huber.grad_and_hess(pred, target, reduction="sum")
    both = np.full((1000, 2), 7.0)
    huber.grad_and_hess(pred, target, reduction="sum", grad_out=both[:, 0], hess_out=both[:, 1])
    np.testing.assert_array_equal(both.T, expected)


@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("call", CALLS)
def test_scalars_of_every_type(call, reduction):
    for pred in (2, 2.0, True, np.float16(2), np.uint8(2), np.array(2, ">f4")):
        for target in (0.5, np.float32(0.5), np.array(1, np.int8)):
            dtype = (
                np.float32 if isinstance(pred, np.float16) and type(target) is not np.ndarray else np.float64
            )
            expected = reduced(
                "huber", float(pred), float(target), dtype=dtype, weight=3, reduction=reduction, delta=1.5
            )
            for quantity, result in invoke(
                huber, call, pred, target, weight=3, reduction=reduction, delta=np.array(1.5)
            ).items():
                assert isinstance(result, np.floating if reduction == "none" else float)
                assert result == expected[quantity]


@pytest.mark.parametrize("operand", ["pred", "target", "weight", "delta", "grad_out"])
def test_large_arrays_of_the_other_byte_order(operand):
    rng = np.random.default_rng(14)
    names = ("pred", "target", "weight", "delta", "grad_out")
    operands = {name: rng.random(700, np.float32) + np.float32(0.1) for name in names}
    expected = huber.value_and_grad(**{name: x.copy() for name, x in operands.items()})
    operands[operand] = swapped(operands[operand])
    value, grad = huber.value_and_grad(**operands)
    assert value == expected[0]
    np.testing.assert_array_equal(grad, expected[1])


def test_axes_of_equal_steps_keep_their_order():
    windows = sliding_window_view(np.random.default_rng(15).standard_cauchy(5000), 700)[:200]
    assert Order(windows).axes == [0, 1]
    assert huber(windows, 0.0) == huber(np.ascontiguousarray(windows), 0.0)


@pytest.mark.parametrize("columns", range(2, 10))
def test_narrow_rows_of_a_wider_array(columns):
    pred = np.random.default_rng(16).standard_cauchy((9000, columns + 1))[:, :columns]
    expected = huber.value_and_grad(pred.copy(), np.zeros(pred.shape), delta=2.0)
    out = np.zeros((9000, columns + 1))[:, :columns]
    value, grad = huber.value_and_grad(pred, 0.0, delta=2.0, grad_out=out)
    assert value == expected[0]
    np.testing.assert_array_equal(grad, expected[1])


def test_more_axes_than_numpy_broadcasts():
    pred = np.full((1,) * 63 + (2,), 3.0)
    assert huber(pred, 1.0, weight=np.ones((1,) * 40)) == 1.5
    with pytest.raises(ValueError, match="target must have pred's shape"):
        huber(pred, [1.0, 2.0, 3.0])


def test_no_layout_or_type_warns_of_overflow():
    with np.errstate(all="raise"):
        assert np.isinf(squared_error.grad(np.full((40, 2), 6e4, "f2"), 0.0, reduction="sum")).all()
        grad = np.empty((40, 1), np.float32)
        wide = np.full((40, 2), 1e200)[:, :1]
        squared_error.grad(np.ones((40, 1), np.float32), wide, reduction="sum", grad_out=grad)
        assert np.isinf(grad).all()
        assert absolute_error(np.full(1 << 20, 5e302)[::2], 0.0, reduction="sum") == np.inf
        out = np.empty((), np.float16)
        assert np.isinf(squared_error.grad(np.array(6e4, "f2"), 0.0, grad_out=out))
        assert huber(np.ones(9), 0.0, delta=np.ones(9)) == 0.5
        assert huber(np.ones(9, "f4"), 0.0, delta=np.ones(9, "f4")) == 0.5
