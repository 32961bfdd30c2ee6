"""The calls for value and derivatives, on every kind of operand, against the exact references."""

import math
import warnings

import numpy as np
import pytest

import fastloss
from fastloss._rules.options import CALLS
from fastloss.losses import shipped

from .calls import DTYPES, data, invoke, outputs_of
from .foreign import OnlyArray
from .reference import (
    assert_close,
    elementwise,
    few_cases,
    name_of,
)

SHAPES = [(1,), (7,), (511,), (512,), (513,), (3, 5), (2, 3, 4), (1, 1), (600, 1)]


def expected_of(name, pred, target, params, reduction):
    value, grad, hess = elementwise(name, pred, target, params)
    denominator = pred.size if reduction == "mean" else 1
    if reduction != "none":
        value = math.fsum(value.ravel()) / denominator
    return {"value": value, "grad": grad / denominator, "hess": hess / denominator}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("case", few_cases(), ids=name_of)
def test_calls_equal_the_reference(case, call, reduction, dtype):
    name, params = case
    loss = shipped()[name]
    pred, target = data((3, 171), dtype, loss=loss)
    expected = expected_of(name, pred, target, params, reduction)
    for results in (
        invoke(loss, call, pred, target, reduction=reduction, **params),
        invoke(loss, call, pred, target, reduction=reduction, **params),  # with its remembered plan
    ):
        for quantity, result in results.items():
            if quantity == "value" and reduction != "none":
                assert type(result) is float
                assert_close(result, expected[quantity], dtype)
            else:
                assert type(result) is np.ndarray
                assert (result.dtype, result.shape) == (dtype, pred.shape)
                assert_close(result, expected[quantity], dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_outputs_are_written_in_place_and_returned(call, reduction, shape, dtype):
    pred, target = data(shape, dtype)
    expected = invoke(fastloss.huber, call, pred, target, reduction=reduction, delta=2.0)
    outs = outputs_of(call, reduction, shape, dtype)
    given = {**outs}
    results = invoke(fastloss.huber, call, pred, target, reduction=reduction, delta=2.0, **outs)
    for quantity, result in results.items():
        np.testing.assert_array_equal(result, expected[quantity])
    for out in given.values():
        assert any(result is out for result in results.values())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [1, 511, 513, 16384, 16385, 40000])
@pytest.mark.parametrize("operand", ["pred", "target"])
def test_an_output_may_replace_an_input(operand, size, dtype):
    for call in ("grad", "value_and_grad"):
        pred, target = data(size, dtype)
        expected = invoke(fastloss.smooth_l1, call, pred, target, beta=2.0)
        out = {"pred": pred, "target": target}[operand]
        results = invoke(fastloss.smooth_l1, call, pred, target, beta=2.0, grad_out=out)
        assert results["grad"] is out
        for quantity, result in results.items():
            np.testing.assert_array_equal(result, expected[quantity])


def test_two_outputs_may_replace_both_inputs():
    pred, target = data(1000, np.float64)
    expected = fastloss.huber.value_grad_hess(pred, target)
    value, grad, hess = fastloss.huber.value_grad_hess(pred, target, grad_out=pred, hess_out=target)
    assert value == expected[0]
    assert grad is pred
    assert hess is target
    np.testing.assert_array_equal(grad, expected[1])
    np.testing.assert_array_equal(hess, expected[2])


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_normalizer_replaces_the_number_of_elements(call, reduction):
    pred, target = data(100, np.float64)
    if reduction != "mean":
        with pytest.raises(ValueError, match="normalizer is only allowed with reduction='mean'"):
            invoke(fastloss.huber, call, pred, target, reduction=reduction, normalizer=4)
        return
    summed = invoke(fastloss.huber, call, pred, target, reduction="sum")
    for quantity, result in invoke(fastloss.huber, call, pred, target, normalizer=4).items():
        np.testing.assert_array_equal(result, summed[quantity] / 4)


def test_empty_arrays():
    one, empty = np.ones((1, 3), np.float32), np.empty((0, 3), np.float32)
    for reduction in ("mean", "sum", "none"):  # so that these calls are remembered
        fastloss.huber.value_and_grad(one, one, reduction=reduction)
    for reduction in ("sum", "none"):
        results = invoke(fastloss.huber, "value_grad_hess", empty, empty, reduction=reduction)
        assert results["grad"].shape == results["hess"].shape == (0, 3)
        assert reduction == "none" or results["value"] == 0.0
        assert reduction == "sum" or results["value"].shape == (0, 3)
    assert fastloss.huber(empty, empty, normalizer=3) == 0.0
    assert fastloss.huber.grad(empty, empty).shape == (0, 3)
    with pytest.warns(RuntimeWarning, match="huber: the mean over no elements is NaN") as caught:
        value, grad = fastloss.huber.value_and_grad(empty, empty)
    assert math.isnan(value)
    assert grad.shape == (0, 3)
    assert caught[0].filename == __file__
    with pytest.warns(RuntimeWarning, match="no elements") as caught:
        fastloss.huber([], [])
    assert caught[0].filename == __file__


@pytest.mark.parametrize("call", CALLS)
def test_scalars_give_scalars(call):
    scalars = [2.5, 3, True, np.float64(2.5), np.float32(2.5), np.array(2.5), np.array(2, np.int8)]
    for pred in scalars:
        for target in (4, np.array(1.5), np.float32(0.5)):
            floats = expected_of(
                "huber", np.array([float(pred)]), np.array([float(target)]), {"delta": 1.0}, "mean"
            )
            for reduction in ("mean", "sum"):
                for quantity, result in invoke(
                    fastloss.huber, call, pred, target, reduction=reduction
                ).items():
                    assert type(result) is float
                    assert result == floats[quantity]
            for quantity, result in invoke(fastloss.huber, call, pred, target, reduction="none").items():
                assert isinstance(result, np.floating)
                assert result == floats[quantity]


@pytest.mark.parametrize(
    ("pred", "target", "expected"),
    [
        (np.float32(1), np.float32(2), np.float32),
        (np.float32(1), 2.0, np.float32),  # Python numbers are weakly typed, as in NumPy 2
        (2, np.float16(1), np.float32),
        (np.float32(1), True, np.float32),
        (np.float32(1), np.float64(2), np.float64),
        (np.float32(1), np.int8(2), np.float64),
        (np.int8(1), np.bool_(1), np.float64),
        (1, 2.0, np.float64),
    ],
)
def test_type_of_scalars(pred, target, expected):
    assert fastloss.huber(pred, target, reduction="none").dtype == expected


def test_scalar_outputs():
    pred = np.array(3.0)
    grad, loss = np.empty(()), np.empty(())
    value, result = fastloss.huber.value_and_grad(
        pred, 1.0, delta=0.5, reduction="none", loss_out=loss, grad_out=grad
    )
    assert value is loss
    assert result is grad
    assert (float(loss), float(grad)) == (0.875, 0.5)
    assert fastloss.huber.grad(pred, 1.0, delta=0.5, grad_out=pred) is pred
    assert pred == 0.5


def test_lists_memmaps_subclasses_and_array_objects(tmp_path):
    stored = np.memmap(tmp_path / "pred.bin", np.float64, "w+", shape=2)
    stored[:] = [1.0, 5.0]
    for pred in ([1.0, 5.0], (1.0, 5.0), stored, OnlyArray([1.0, 5.0])):
        value, grad = fastloss.huber.value_and_grad(pred, [0.0, 0.0])
        assert value == 2.5
        assert type(grad) is np.ndarray
        assert grad.tolist() == [0.5, 0.5]
    assert fastloss.huber.grad(stored, [0.0, 0.0], grad_out=stored) is stored
    assert stored.tolist() == [0.5, 0.5]


def test_read_only_inputs_and_unwritten_operands():
    pred, target = data(1000, np.float32)
    before = pred.copy(), target.copy()
    expected = fastloss.huber.value_and_grad(pred, target)
    pred.flags.writeable = target.flags.writeable = False
    value, grad = fastloss.huber.value_and_grad(pred, target)
    assert value == expected[0]
    np.testing.assert_array_equal(grad, expected[1])
    np.testing.assert_array_equal(pred, before[0])
    np.testing.assert_array_equal(target, before[1])


def test_an_output_may_be_a_matrix_or_differ_in_the_step_of_a_single_element():
    pred, target = data((3, 700), np.float64)
    expected = fastloss.huber.grad(pred, target)
    with warnings.catch_warnings(action="ignore"):
        matrix = np.matrix(np.full((3, 700), np.nan))
    assert fastloss.huber.grad(pred, target, grad_out=matrix) is matrix
    np.testing.assert_array_equal(np.asarray(matrix), expected)
    line = pred[0].copy()
    column = line[:, None]
    fastloss.huber.grad(column, target[0][:, None], grad_out=line.reshape(700, 1))
    np.testing.assert_allclose(line * (700 / 2100), expected[0], rtol=1e-15)


def test_a_parameter_that_can_change_is_read_at_every_call():
    class Tensor:
        value = 1.0

        def __array__(self, dtype=None, copy=None):
            return np.array(self.value)

        def __float__(self):
            return self.value

    delta, pred, target = Tensor(), np.array([25.0, 30.0]), np.zeros(2)
    for value in (1.0, 5.0, 2.0):
        delta.value = value
        assert fastloss.huber(pred, target, delta=delta) == fastloss.huber(pred, target, delta=value)


def test_keyword_order_and_parameter_types_do_not_matter():
    pred, target = data(100, np.float32)
    expected = fastloss.huber.value_and_grad(pred, target, delta=2.0)
    for delta in (2, np.float32(2), np.array(2.0), np.int64(2)):
        value, grad = fastloss.huber.value_and_grad(pred, target, delta=delta, reduction="mean")
        assert value == expected[0]
        np.testing.assert_array_equal(grad, expected[1])


def test_default_parameters():
    pred, target = data(100, np.float64)
    assert fastloss.huber(pred, target) == fastloss.huber(pred, target, delta=1.0)
    assert fastloss.smooth_l1(pred, target) == fastloss.smooth_l1(pred, target, beta=1.0)


def test_more_parameter_values_than_are_remembered():
    pred, target = data(100, np.float64)
    deltas = np.linspace(0.1, 5, 150)
    first = [fastloss.huber(pred, target, delta=float(d)) for d in deltas]
    again = [fastloss.huber(pred, target, delta=float(d)) for d in deltas]
    assert first == again == sorted(first)
    assert len(fastloss.huber._plans) <= 64
