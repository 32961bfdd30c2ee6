"""Small calls of a remembered form: the same results and the same checks, with other numbers."""

import weakref

import numpy as np
import pytest

import fastloss
from fastloss import huber
from fastloss._cpu import forms

RNG = np.random.default_rng(23)
X = RNG.standard_normal((12, 8)).astype(np.float32)
BIG = RNG.standard_normal((24, 16)).astype(np.float32)
FORMS = {
    "a number": lambda: {"target": 0.25},
    "a row": lambda: {"target": BIG[0, :8]},
    "a column": lambda: {"target": BIG[:12, :1]},
    "strided": lambda: {"target": BIG[::2, ::2]},
    "backwards": lambda: {"target": BIG[:12, 7::-1]},
    "other order": lambda: {"target": np.asfortranarray(BIG[:12, :8])},
    "integers": lambda: {"target": (BIG[:12, :8] * 9).astype(np.int16)},
    "float16": lambda: {"target": BIG[:12, :8].astype(np.float16)},
    "float64": lambda: {"target": BIG[:12, :8].astype(np.float64)},
    "other bytes": lambda: {"target": BIG[:12, :8].astype(">f4")},
    "a list": lambda: {"target": BIG[:12, :8].tolist()},
    "weights of columns": lambda: {"target": BIG[:12, :8], "weight": abs(BIG[0, :8])},
    "weights of rows": lambda: {"target": BIG[:12, :8], "weight": abs(BIG[:12, :1])},
    "masks of rows": lambda: {"target": BIG[:12, :8], "where": BIG[:12, :1] > 0},
    "weights and mask": lambda: {"target": 0.5, "weight": abs(BIG[0, :8]), "where": BIG[:12, :8] > 0},
    "array of deltas": lambda: {"target": BIG[:12, :8], "delta": abs(BIG[:12, :8]) + np.float32(0.1)},
    "deltas of columns": lambda: {"target": 0.5, "delta": abs(BIG[0, :8]) + np.float32(0.1)},
}


@pytest.fixture
def used(calls_of):
    """The calls that are made by remembered forms."""
    return calls_of(forms.Form, "run")


def plainly(call, pred, target, **options):
    """Make the same call on new arrays of the full shape in the computation type, with a new loss."""
    target = np.asarray(target)
    wide = target.dtype.kind != "f" or (target.dtype.itemsize == 8 and target.ndim)
    dtype = np.float64 if wide else np.float32

    def full(x):
        x = np.asarray(x)
        return np.broadcast_to(x.astype(dtype if x.dtype.kind != "b" else bool), pred.shape).copy()

    options = {name: full(x) if isinstance(x, np.ndarray) else x for name, x in options.items()}
    fresh = fastloss.loss(delta=huber.domains["delta"])(huber.formula)
    return getattr(fresh, call)(pred.astype(dtype), full(target), **options)


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("options", [{}, {"reduction": "sum"}, {"normalizer": 3.0}, {"reduction": "none"}])
def test_a_form_seen_before_has_the_results_of_plain_arrays(name, options, used):
    given = FORMS[name]()
    for k in range(3):
        pred = X * np.float32(k + 1)
        params = {} if "delta" in given else {"delta": 0.5 + k}
        value, grad = huber.value_and_grad(pred, **given, **params, **options)
        expected = plainly("value_and_grad", pred, **given, **params, **options)
        np.testing.assert_array_equal(value, np.asarray(expected[0]).astype(np.asarray(value).dtype))
        np.testing.assert_array_equal(grad, expected[1].astype(np.float32))
    assert used


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"delta": -1.0}, "delta must be a number > 0"),
        ({"delta": np.nan}, "delta must be a number > 0"),
        ({"delta": "1"}, "delta must be a number"),
        ({"normalizer": 0.0}, "normalizer must be a finite number > 0"),
        ({"weight": np.full(8, -1, np.float32)}, "weight must be"),
        ({"weight": np.full(8, np.nan, np.float32)}, "weight must be"),
        ({"deltas": np.zeros((12, 8), np.float32)}, "delta must be"),
    ],
)
def test_numbers_are_checked_each_time(bad, message, used):
    good = {"weight": np.ones(8, np.float32)} if "weight" in bad else {}
    if "deltas" in bad:
        good, bad = {"delta": np.ones((12, 8), np.float32)}, {"delta": bad["deltas"]}
    for _ in range(3):
        huber.value_and_grad(X, BIG[::2, ::2], **good)
    assert used
    with pytest.raises((TypeError, ValueError), match=message):
        huber.value_and_grad(X, BIG[::2, ::2], **good | bad)


def test_a_form_whose_weights_sum_to_nothing_warns_as_ever():
    weight = np.ones(8, np.float32)
    for _ in range(3):
        huber.value_and_grad(X, 0.25, weight=weight)
    with pytest.warns(RuntimeWarning, match="total weight of 0"):
        huber.value_and_grad(X, 0.25, weight=np.zeros(8, np.float32))


def test_results_of_a_form_do_not_share_memory():
    first = huber.grad(X, 0.25)
    kept = first.copy()
    second = huber.grad(X * 2, 0.25)
    assert not np.shares_memory(first, second)
    np.testing.assert_array_equal(first, kept)


def test_numbers_that_come_as_arrays_are_checked_too():
    for _ in range(3):
        assert huber(X, BIG[::2, ::2], delta=np.array(0.5)) == huber(X, BIG[::2, ::2], delta=0.5)
    with pytest.raises(ValueError, match="delta must be a number > 0"):
        huber(X, BIG[::2, ::2], delta=np.array(-1.0))


def test_nothing_that_is_remembered_holds_an_array():
    arrays = [X.copy(), BIG[::2, ::2].copy(order="F"), np.ones(8, np.float32), X > 0, abs(X) + np.float32(1)]
    pred, target, weight, where, delta = arrays
    for _ in range(3):
        huber.value_and_grad(pred, target, weight=weight, where=where, delta=delta)
    alive = [weakref.ref(x) for x in arrays]
    del arrays, pred, target, weight, where, delta
    assert [x() for x in alive] == [None] * 5


@pytest.mark.parametrize("weight", [2.0, np.float64(2), np.array(2.0), 2])
def test_one_weight_for_all(weight):
    pred, target = X.astype(np.float64), BIG[::2, ::2].astype(np.float64)[:, ::-1]
    expected = huber.value_and_grad(pred, target, weight=np.full(pred.shape, 2.0), reduction="sum")
    for _ in range(4):
        value, grad = huber.value_and_grad(pred, target, weight=weight, reduction="sum")
        assert value == expected[0]
        np.testing.assert_array_equal(grad, expected[1])


def test_a_list_of_parameters_and_a_number_in_turn():
    pred, target = X.astype(np.float64), BIG[::2, ::2].astype(np.float64)[:, ::-1]
    deltas = [0.25 * k for k in range(1, 9)]
    several = huber(pred, target, delta=np.array(deltas))
    one = huber(pred, target, delta=np.full(8, 0.5))
    for _ in range(4):
        assert huber(pred, target, delta=deltas) == several
        assert huber(pred, target, delta=0.5) == one


OUTS = {
    "plain": lambda: np.empty_like(X),
    "strided": lambda: np.empty((24, 16), np.float32)[::2, ::2],
    "backwards": lambda: np.empty_like(X)[::-1],
    "other order": lambda: np.empty((8, 12), np.float32).T,
}


@pytest.mark.parametrize("name", ["strided", "integers", "array of deltas"])
@pytest.mark.parametrize("out", OUTS)
def test_a_form_writes_the_outputs_given(name, out, used):
    given = FORMS[name]()
    for k in range(4):
        pred, grad_out, loss_out = X * np.float32(k + 1), OUTS[out](), OUTS[out]()
        expected = huber.value_and_grad(pred, **given, reduction="none")
        found = huber.value_and_grad(pred, **given, reduction="none", loss_out=loss_out, grad_out=grad_out)
        assert found[0] is loss_out
        assert found[1] is grad_out
        np.testing.assert_array_equal(loss_out, expected[0])
        np.testing.assert_array_equal(grad_out, expected[1])
    assert any(form.disjoint for form, *_ in used)


@pytest.mark.parametrize("replaced", ["pred", "target"])
@pytest.mark.parametrize("turn", [lambda x: x, lambda x: x[::-1], lambda x: x[:, ::2], lambda x: x.T])
def test_a_form_in_place(replaced, turn, used):
    for k in range(4):
        arrays = {"pred": turn(X * np.float32(k + 1)), "target": turn(BIG[:12, :8].copy())}
        expected = huber.value_and_grad(**arrays)
        value, grad = huber.value_and_grad(**arrays, grad_out=arrays[replaced])
        assert grad is arrays[replaced]
        assert value == expected[0]
        np.testing.assert_array_equal(grad, expected[1])
    assert any(form.plan.in_place for form, *_ in used)


def test_a_form_in_place_through_another_view():
    for k in range(4):
        pred, target = X * np.float32(k + 1), BIG[:12, :8].copy()
        expected = huber.grad(pred, target)
        assert huber.grad(pred, target, grad_out=pred[:]).base is pred
        np.testing.assert_array_equal(pred, expected)


@pytest.mark.parametrize("start", [1, 4, 8, 40])
def test_an_output_that_overlaps_is_refused_though_the_form_is_known(start, used):
    memory = np.ones(300, np.float32)
    for target in (np.ones(96, np.float32), np.ones(192, np.float32)[::2], np.ones(96, np.int16)):
        for _ in range(3):
            huber.grad(memory[:96], target, grad_out=memory[200:296])
        with pytest.raises(ValueError, match="grad_out overlaps pred"):
            huber.grad(memory[:96], target, grad_out=memory[start : start + 96])
        outs = {"loss_out": memory[200:296], "grad_out": memory[200 - start : 296 - start]}
        with pytest.raises(ValueError, match="grad_out must not overlap loss_out"):
            huber.value_and_grad(np.ones(96, np.float32), target, reduction="none", **outs)
    assert used


def test_a_read_only_output_is_refused_though_the_form_is_known():
    out = np.empty((12, 8), np.float32)
    for _ in range(3):
        huber.grad(X, BIG[::2, ::2], grad_out=out)
    out.flags.writeable = False
    with pytest.raises(ValueError, match="grad_out must be writeable"):
        huber.grad(X, BIG[::2, ::2], grad_out=out)
    with pytest.raises(ValueError, match="grad_out must be writeable"):
        huber.grad(X, BIG[:12, :8].copy(), grad_out=out)


@pytest.mark.parametrize("bad", [-1e-60, 1e300, np.nan, -1.0])
@pytest.mark.parametrize("shape", [(), (8,), (12, 8), (12, 1)])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_weights_of_a_wider_type_are_checked_before_they_are_rounded(bad, shape, reduction, used):
    weight = np.ones(shape)
    for _ in range(3):
        huber.value_and_grad(X, 0.25, weight=weight, reduction=reduction)
    assert used
    weight[(-1,) if weight.ndim else ()] = bad
    for _ in range(2):
        with pytest.raises(ValueError, match="huber: weight"):
            huber.value_and_grad(X, 0.25, weight=weight, reduction=reduction)


@pytest.mark.parametrize("bad", [1 + 1e-12, 1.0, 0.0, -1e-60])
def test_parameters_of_a_wider_type_are_checked_before_they_are_rounded(bad, used):
    @fastloss.loss(tau=fastloss.between(0, 1))
    def tilted(pred, target, tau):
        return tau * (pred - target), tau, type(pred)(0)

    tau = np.full(X.shape, 0.5)
    for _ in range(3):
        tilted(X, 0.25, tau=tau)
    assert used
    tau[3, 3] = bad
    for _ in range(2):
        with pytest.raises(ValueError, match="tilted: tau"):
            tilted(X, 0.25, tau=tau)


def test_a_weight_of_minus_zero_is_zero():
    weight = np.ones(X.shape, np.float32)
    weight[2, 2] = 0
    expected = huber.value_and_grad(X, 0.25, weight=weight)
    weight[2, 2] = -0.0
    for _ in range(4):
        value, grad = huber.value_and_grad(X, 0.25, weight=weight)
        assert value == expected[0]
        np.testing.assert_array_equal(grad, expected[1])


def test_lists_of_weights_and_parameters_are_of_a_known_form(used):
    weight, delta = (1 + abs(BIG[0, :8])).tolist(), (1 + abs(BIG[1, :8])).tolist()
    expected = huber.value_and_grad(X, 0.25, weight=np.array(weight), delta=np.array(delta))
    for _ in range(4):
        value, grad = huber.value_and_grad(X, 0.25, weight=weight, delta=delta)
        assert value == expected[0]
        np.testing.assert_array_equal(grad, expected[1])
    assert len(used) >= 2
