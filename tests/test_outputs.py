"""Requirements on outputs, and that nothing is written if one is not met."""

import re

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

from fastloss import huber

pytestmark = pytest.mark.usefixtures("remembered")

A = np.array([1.0, 2.0, 3.0])
READ_ONLY = np.zeros(3)
READ_ONLY.flags.writeable = False

REJECTED = {
    # outputs
    "loss_out of a mean": (
        lambda: huber(A, A, loss_out=np.empty(3)),
        ValueError,
        "loss_out is only allowed with reduction='none': a reduced value is one number",
    ),
    "output shape": (
        lambda: huber.grad(A, A, grad_out=np.empty(4)),
        ValueError,
        "grad_out must have shape (3,) and dtype float64, got (4,) and float64",
    ),
    "output type": (
        lambda: huber.grad(A, A, grad_out=np.empty(3, "f4")),
        ValueError,
        "grad_out must have shape (3,) and dtype float64, got (3,) and float32",
    ),
    "output list": (
        lambda: huber.grad(A, A, grad_out=[0.0] * 3),
        TypeError,
        "grad_out must be a NumPy array, got list",
    ),
    "masked output": (
        lambda: huber.grad(A, A, grad_out=np.ma.zeros(3)),
        TypeError,
        "grad_out must be a NumPy array, got MaskedArray",
    ),
    "read-only output": (
        lambda: huber.grad(A, A, grad_out=READ_ONLY),
        ValueError,
        "grad_out must be writeable, got a read-only array",
    ),
    "scalar output": (
        lambda: huber.grad(1.0, 2.0, grad_out=np.empty(1)),
        ValueError,
        "grad_out must have shape () and dtype float64, got (1,) and float64",
    ),
    "output of integers": (
        lambda: huber.grad([1, 2], [3, 4], grad_out=np.empty(2, int)),
        ValueError,
        "grad_out must have shape (2,) and dtype float64, got (2,) and int64",
    ),
    "output of the type to compute in": (
        lambda: huber.grad(A.astype("f4"), A, grad_out=np.empty(3)),
        ValueError,
        "grad_out must have shape (3,) and dtype float32, got (3,) and float64",
    ),
    "elementwise losses of another type": (
        lambda: huber(A, A, reduction="none", loss_out=np.empty(3, "f4")),
        ValueError,
        "loss_out must have shape (3,) and dtype float64, got (3,) and float32",
    ),
    "one place for all": (
        lambda: huber.grad(A, A, grad_out=as_strided(np.empty(1), (3,), (0,))),
        ValueError,
        "grad_out must not overlap itself, got strides (0,)",
    ),
    "rows of which only distant ones meet": (
        lambda: huber.grad(np.ones((4, 3)), 0.0, grad_out=as_strided(np.empty(13), (4, 3), (16, 24))),
        ValueError,
        "grad_out must not overlap itself, got strides (16, 24)",
    ),
    "windows": (
        lambda: huber.grad(np.ones((3, 2)), 1.0, grad_out=as_strided(np.empty(4), (3, 2), (8, 8))),
        ValueError,
        "grad_out must not overlap itself, got strides (8, 8)",
    ),
}


@pytest.mark.parametrize("case", REJECTED)
def test_bad_outputs_are_named(case):
    call, kind, message = REJECTED[case]
    with pytest.raises(kind, match=re.escape(message)) as caught:
        call()
    assert type(caught.value) is kind
    assert str(caught.value).startswith("huber: ")


def overlapping():
    """Outputs that overlap other arrays, by the expected message; and pred, target and their memory."""
    buffer = np.zeros(20)
    pred, target = buffer[0:5], buffer[5:10]
    pairs, weight = np.zeros((5, 2)), np.ones(5)
    return (
        {
            "grad_out overlaps pred, expected pred itself or other memory": {"grad_out": buffer[1:6]},
            "grad_out overlaps target, expected target itself": {"grad_out": buffer[9:14]},
            "hess_out must not overlap grad_out": {"grad_out": buffer[10:15], "hess_out": buffer[14:19]},
            "hess_out overlaps target": {"grad_out": np.empty(5), "hess_out": buffer[6:11]},
            "hess_out must not overlap grad_out, also": {"grad_out": pairs[:, 0], "hess_out": pairs[::-1, 0]},
            "grad_out overlaps weight, expected other memory": {"grad_out": weight, "weight": weight},
            "hess_out overlaps delta, expected other memory": {"hess_out": weight, "delta": weight},
            "grad_out overlaps where, expected other memory": {
                "grad_out": weight,
                "where": weight.view(bool)[:5],
            },
        },
        pred,
        target,
        buffer,
    )


@pytest.mark.parametrize("message", overlapping()[0])
def test_overlapping_outputs_are_refused_and_nothing_is_written(message):
    cases, pred, target, buffer = overlapping()
    before = {name: array.copy() for name, array in cases[message].items()}
    with pytest.raises(ValueError, match=re.escape(message.removesuffix(", also"))):
        huber.grad_and_hess(pred, target, **cases[message])
    assert not buffer.any()
    for name, array in cases[message].items():
        np.testing.assert_array_equal(array, before[name])


def test_an_output_that_is_another_view_of_an_input_is_refused():
    square = np.arange(9.0).reshape(3, 3)
    with pytest.raises(ValueError, match="grad_out overlaps pred"):
        huber.grad(square, square.copy(), grad_out=square.T)
    with pytest.raises(ValueError, match="grad_out overlaps target"):
        huber.grad(A, (out := A.copy()).view(np.int64), grad_out=out)
    assert square.ravel().tolist() == list(range(9))
    assert (out == A).all()


def test_the_same_output_twice_is_refused():
    out = np.full(3, 7.0)
    with pytest.raises(ValueError, match="hess_out must not overlap grad_out"):
        huber.grad_and_hess(A, A, grad_out=out, hess_out=out)
    assert (out == 7).all()


def test_only_a_target_that_is_not_broadcast_may_be_replaced():
    square, row = np.zeros((3, 3)), np.arange(3.0)
    with pytest.raises(ValueError, match="grad_out overlaps target, expected target itself"):
        huber.grad(np.ones((3, 3)), square[0], grad_out=square)
    assert not square.any()
    with pytest.raises(ValueError, match="grad_out overlaps target, expected target itself"):
        huber.grad(np.ones((1, 3)), row, grad_out=row[None])
    assert row.tolist() == [0.0, 1.0, 2.0]


def test_outputs_in_which_no_elements_meet_are_taken():
    out = as_strided(np.zeros(12), (3, 2), (16, 24))  # rows and columns interleave
    expected = huber.grad(np.ones((3, 2)), np.arange(6.0).reshape(3, 2))
    huber.grad(np.ones((3, 2)), np.arange(6.0).reshape(3, 2), grad_out=out)
    np.testing.assert_array_equal(out, expected)
    sparse = np.zeros((5, 6, 7, 8)).transpose(2, 0, 3, 1)[::2, :, 1::3, ::-1]
    huber.grad(np.ones(sparse.shape), 0.0, reduction="sum", grad_out=sparse)
    assert (sparse == 1).all()


@pytest.mark.parametrize(
    "bad",
    [{"delta": -1.0}, {"reduction": "avg"}, {"dleta": 1.0}, {"normalizer": -1}, {"hess_out": np.empty(2)}],
)
def test_nothing_is_written_when_another_argument_is_bad(bad):
    out, (name,) = np.full(3, 7.0), bad
    with pytest.raises((TypeError, ValueError), match=f"huber: (unknown keyword ')?{name}"):
        huber.grad_and_hess(A, A + 1, **{"grad_out": out, **bad})
    assert (out == 7).all()


def test_outputs_may_lie_between_the_elements_of_an_input():
    table = np.zeros((500, 2))
    table[:, 0] = np.arange(500.0)
    grad = huber.grad(table[:, 0], 3.0, reduction="sum", delta=1000.0, grad_out=table[:, 1])
    np.testing.assert_array_equal(table, np.stack([np.arange(500.0), np.arange(500.0) - 3], axis=1))
    assert grad.base is table


@pytest.mark.parametrize("name", ["pred", "target"])
def test_elementwise_losses_may_replace_an_input(name):
    operands = {"pred": np.arange(5.0), "target": np.ones(5)}
    expected = huber(**operands, reduction="none")
    assert huber(**operands, reduction="none", loss_out=operands[name]) is operands[name]
    np.testing.assert_array_equal(operands[name], expected)


def test_only_pred_and_target_are_positional():
    with pytest.raises(TypeError, match="positional"):
        huber(A, A, 1.0)
    with pytest.raises(TypeError, match="positional"):
        huber.grad(A, A, A)
