"""Self-Adjusting Smooth L1 against the published rule, and its statistics against exact ones."""

import json
import math

import numpy as np
import pytest

from fastloss import SelfAdjustingSmoothL1, smooth_l1
from fastloss.adaptive.moments import moments

from .adaptive import AdjustSmoothL1
from .layouts import LAYOUTS

FLOAT64 = np.dtype(np.float64)


def batches(features, steps=1000):
    """Yield heavy-tailed batches. Some are empty, of one row, or with NaN in a column."""
    rng = np.random.default_rng(32)
    for step in range(steps):
        rows = rng.choice([0, 1, 2, 30, 400], p=[0.1, 0.1, 0.1, 0.4, 0.3])
        shape = (rows, features) if step % 3 else (rows, 3, features)
        scale = 0.1 * 0.997**step * np.arange(1, features + 1)
        pred, target = rng.standard_t(4, shape) * scale, rng.standard_t(4, shape) * 0.01
        if step % 19 == 0:
            pred[..., rng.integers(features)] = np.nan
        yield pred, target


@pytest.mark.filterwarnings("ignore:smooth_l1. the mean over no elements")
@pytest.mark.parametrize(
    ("features", "options"),
    [(4, {}), (1, {"beta_max": 0.4}), (7, {"beta_max": 0.5, "beta_min": 0.05, "momentum": 0.3})],
)
def test_a_thousand_steps_follow_the_published_rule(features, options):
    ours = SelfAdjustingSmoothL1(features, **options)
    theirs = AdjustSmoothL1(features, **{"beta_max": 1 / 9, "beta_min": 1e-3, "momentum": 0.1} | options)
    np.testing.assert_array_equal(ours.beta, options.get("beta_max", 1 / 9))
    seen = []
    for pred, target in batches(features):
        value, grad = ours.value_and_grad(pred, target)
        losses = theirs(pred, target)
        np.testing.assert_allclose(ours.beta, theirs.beta, rtol=1e-12)
        np.testing.assert_allclose(value, losses.mean() if losses.size else np.nan, rtol=1e-12)
        np.testing.assert_array_equal(grad, smooth_l1.grad(pred, target, beta=ours.beta))
        seen.append(ours.beta)
    assert np.ptp(seen, axis=0).all()


def test_one_wrong_column_stops_all():
    loss = SelfAdjustingSmoothL1(2, beta_max=1.0)
    loss(np.array([[0.1, 0.2], [np.inf, 0.3]]), 0.0)
    np.testing.assert_array_equal(loss.beta, 1.0)
    loss(np.array([[0.1, 0.2], [0.1, 0.3]]), 0.0)
    assert (loss.beta < 1).all()


def test_elements_left_out_do_not_count():
    rng = np.random.default_rng(7)
    pred = rng.standard_normal((500, 3))
    where = rng.random(pred.shape) < 0.5
    pred[~where] = np.nan
    loss = SelfAdjustingSmoothL1(3, beta_max=2.0, momentum=1.0)
    loss(pred, 0.0, where=where)
    columns = [np.abs(pred[where[:, k], k]) for k in range(3)]
    np.testing.assert_allclose(loss.beta, [x.mean() - x.var(ddof=1) for x in columns], rtol=1e-12)
    before = loss.beta
    where[1:, 0] = False
    loss(pred, 0.0, where=where)  # one element of the first column is too few
    np.testing.assert_array_equal(loss.beta, before)


@pytest.mark.parametrize("call", ["__call__", "grad", "value_and_grad"])
def test_without_update_nothing_moves(call):
    loss = SelfAdjustingSmoothL1(2, beta_max=1.0)
    pred = np.array([[0.1, 0.2], [0.5, 0.7]])
    getattr(loss, call)(pred, 0.0)
    before = loss.state_dict()
    getattr(loss, call)(2 * pred, 0.0, update=False)
    assert loss.state_dict() == before
    assert (loss.beta < 1).all()


def test_nothing_moves_when_another_argument_is_bad():
    loss, pred = SelfAdjustingSmoothL1(2, beta_max=1.0), np.array([[0.1, 0.2], [0.5, 0.7]])
    with pytest.raises(ValueError, match="weight must be"):
        loss(pred, 0.0, weight=-1.0)
    np.testing.assert_array_equal(loss.beta, 1.0)


def test_the_gradient_may_replace_the_prediction():
    pred = np.random.default_rng(8).standard_normal((90, 2))
    expected = SelfAdjustingSmoothL1(2).value_and_grad(pred.copy(), 0.0)
    value, grad = SelfAdjustingSmoothL1(2).value_and_grad(pred, 0.0, grad_out=pred)
    assert grad is pred
    assert value == expected[0]
    np.testing.assert_array_equal(grad, expected[1])


def test_a_resumed_run_goes_on_bit_for_bit(tmp_path):
    steps = [step for step in batches(3, 200) if step[0].size]
    whole = SelfAdjustingSmoothL1(3)
    for pred, target in steps[:80]:
        whole(pred, target)
    np.savez(tmp_path / "state.npz", **whole.state_dict())
    resumed = []
    for state in (json.loads(json.dumps(whole.state_dict())), np.load(tmp_path / "state.npz")):
        resumed.append(SelfAdjustingSmoothL1(3))
        resumed[-1].load_state_dict(state)
    for pred, target in steps[80:]:
        expected = whole.value_and_grad(pred, target)
        for loss in resumed:
            value, grad = loss.value_and_grad(pred, target)
            np.testing.assert_array_equal(value, expected[0])
            np.testing.assert_array_equal(grad, expected[1])
            assert loss.state_dict() == whole.state_dict()


def exact(column):
    """The mean and the variance of numbers, from exact sums."""
    mean = math.fsum(column) / len(column)
    return mean, math.fsum((x - mean) ** 2 for x in column) / (len(column) - 1)


@pytest.mark.parametrize("center", [0.0, 1e3, 1e8])
def test_a_small_spread_around_a_large_mean_keeps_its_digits(center):
    pred = center + np.random.default_rng(9).standard_normal((50_000, 3))
    mean, variance = moments(pred, np.zeros_like(pred), None, FLOAT64)
    for k in range(3):
        expected = exact(np.abs(pred[:, k]).tolist())
        assert mean[k] == pytest.approx(expected[0], rel=1e-14)
        assert variance[k] == pytest.approx(expected[1], rel=1e-9 if center == 1e8 else 1e-12)


def test_a_chunk_that_starts_far_from_its_mean_keeps_its_digits():
    pred = 1e8 + np.random.default_rng(10).standard_normal((9000, 1))
    pred[:200] = 0.0
    where = pred > 0  # the first ones are masked, so deviations are taken from 0 at first
    _, variance = moments(pred, np.zeros_like(pred), where, FLOAT64)
    assert variance[0] == pytest.approx(exact(pred[200:, 0].tolist())[1], rel=1e-9)


@pytest.mark.parametrize("features", [1, 3, 4, 200, 3000])
@pytest.mark.parametrize("rows", [0, 1, 2, 37, 700])
@pytest.mark.parametrize("masked", [False, True])
def test_moments_are_numpys(features, rows, masked):
    rng = np.random.default_rng(11)
    pred, target = rng.standard_cauchy((2, rows, features))
    where = rng.random(pred.shape) < 0.8 if masked else None
    mean, variance = moments(pred, target, where, FLOAT64)
    errors = np.ma.MaskedArray(np.abs(pred - target), None if where is None else ~where)
    count = np.asarray(errors.count(0))
    enough = count > 1
    expected = errors[:, enough] if rows else errors
    np.testing.assert_allclose(mean[enough], np.asarray(expected.mean(0))[: enough.sum()], rtol=1e-12)
    np.testing.assert_allclose(
        variance[enough], np.asarray(expected.var(0, ddof=1))[: enough.sum()], rtol=1e-11
    )
    assert np.isnan(variance[~enough]).all()
    assert np.isnan(mean[count == 0]).all()


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_threads_give_the_same_bits(dtype, masked, use_threads):
    rng = np.random.default_rng(12)
    pred, target = rng.standard_cauchy((2, 40_000, 5)).astype(dtype)
    where = rng.random(pred.shape) < 0.8 if masked else None
    serial = moments(pred, target, where, np.dtype(dtype))
    use_threads(2)
    np.testing.assert_array_equal(moments(pred, target, where, np.dtype(dtype)), serial)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_and_types_give_the_same_bits(layout, monkeypatch):
    monkeypatch.setattr("fastloss.adaptive.moments._COPIED", 1 << 15)
    rng = np.random.default_rng(13)
    pred, target = rng.integers(-99, 99, (2, 9000, 6)).astype(np.float32)
    expected = moments(pred, target, None, FLOAT64)[1]
    assert expected.all()
    for other in (LAYOUTS[layout](pred), pred.astype(np.int16), pred.astype(np.float16)):
        one, two = SelfAdjustingSmoothL1(6, beta_max=1e6), SelfAdjustingSmoothL1(6, beta_max=1e6)
        one(other, target)
        two(pred.astype(np.float64), target)
        assert one.state_dict() == two.state_dict()
        np.testing.assert_array_equal(moments(other, target, None, FLOAT64)[1], expected)


def test_targets_and_masks_broadcast():
    rng = np.random.default_rng(14)
    pred, target, where = rng.standard_normal((80, 3)), rng.standard_normal(3), rng.random((80, 1)) < 0.5
    one, two = SelfAdjustingSmoothL1(3), SelfAdjustingSmoothL1(3)
    assert one(pred, target, where=where) == two(
        pred, np.tile(target, (80, 1)), where=np.broadcast_to(where, pred.shape).copy()
    )
    assert one.state_dict() == two.state_dict()
