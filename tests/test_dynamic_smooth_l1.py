"""Dynamic Smooth L1 against the published rule."""

import json

import numpy as np
import pytest

from fastloss import DynamicSmoothL1, smooth_l1
from fastloss.adaptive.dynamic_smooth_l1 import smallest

from .adaptive import DynamicRCNN


def batches(steps=1000):
    """Yield heavy-tailed batches that shrink. Some are empty, of one sample, with NaN, or without errors."""
    rng = np.random.default_rng(31)
    for step in range(steps):
        size = rng.choice([0, 1, 5, 40, 300], p=[0.1, 0.1, 0.2, 0.3, 0.3])
        shape = (size,) if step % 3 else (size, 2, 2)
        pred = rng.standard_t(2, shape) * 0.995**step
        if step % 17 == 0 and size:
            pred[rng.random(shape) < 0.5] = np.nan
        target = pred.copy() if step % 401 < 30 else rng.standard_t(2, shape) * 0.01
        yield pred, target, int(rng.integers(1, 4))


@pytest.mark.filterwarnings("ignore:smooth_l1. the mean over no elements")
@pytest.mark.parametrize("statistic", ["upper_median", "median"])
@pytest.mark.parametrize(("beta_max", "k", "interval"), [(1.0, 10, 100), (0.5, 3, 7), (2.0, 1, 1)])
def test_a_thousand_steps_follow_the_published_rule(statistic, beta_max, k, interval):
    ours = DynamicSmoothL1(beta_max, k, interval, statistic)
    theirs = DynamicRCNN(beta_max, k, interval, statistic)
    betas = set()
    for pred, target, images in batches():
        value, grad = ours.value_and_grad(pred, target, images=images)
        assert np.isnan(grad).sum() == np.isnan(pred).sum()
        losses = theirs(pred, target, images)
        np.testing.assert_allclose(value, losses.mean() if losses.size else np.nan, rtol=1e-12)
        np.testing.assert_allclose(ours.beta, theirs.beta, rtol=1e-12)
        betas.add(ours.beta)
    assert len(betas) > 5


def test_a_change_holds_from_the_next_step():
    loss = DynamicSmoothL1(k=2, interval=2)
    pred = np.array([0.1, 0.4, 3.0])
    values = [loss(pred, 0.0) for _ in range(3)]
    assert values == [smooth_l1(pred, 0.0), smooth_l1(pred, 0.0), smooth_l1(pred, 0.0, beta=0.4)]


def test_statistics_differ_in_the_median_of_an_even_number():
    for statistic, expected in (("upper_median", 0.5), ("median", 0.375)):
        loss = DynamicSmoothL1(k=1, interval=2, statistic=statistic)
        loss(np.array([0.25]), 0.0)
        loss(np.array([0.5]), 0.0)
        assert loss.beta == expected


def test_only_the_toolboxes_median_keeps_beta_from_zero():
    for statistic, expected in (("upper_median", 0.0), ("median", 1.0)):
        loss = DynamicSmoothL1(k=1, interval=1, statistic=statistic)
        loss(np.zeros(3), 0.0)
        assert loss.beta == expected
        assert loss(np.array([1.0]), 0.0) == (1.0 if expected == 0 else 0.5)


def test_errors_given_are_taken_instead():
    loss = DynamicSmoothL1(k=2, interval=1)
    loss.grad(np.zeros((3, 4)), 1.0, errors=[0.3, 0.1, 0.2])
    assert loss.beta == 0.2
    loss.grad(np.zeros((3, 4)), 1.0, errors=np.array([9.0, 0.5], np.float32))
    assert loss.beta == 1.0


def test_images_raise_the_rank():
    loss = DynamicSmoothL1(k=2, interval=1, beta_max=100.0)
    pred = np.arange(1.0, 11.0)
    for images, expected in ((1, 2.0), (3, 6.0), (9, 10.0)):
        loss(pred, 0.0, images=images)
        assert loss.beta == expected


def test_elements_left_out_do_not_count():
    pred = np.array([[1.0, 3.0], [np.nan, 0.5], [0.1, 0.1], [8.0, np.nan]])
    where = np.array([[True, True], [False, True], [False, False], [True, False]])
    loss = DynamicSmoothL1(k=2, interval=1, beta_max=100.0)
    loss(pred, 0.0, where=where)
    assert loss.beta == 2.0  # the second of 0.5, 2.0 and 8.0
    loss(pred[:, 1], 0.0, where=where[:, 1])
    assert loss.beta == 3.0
    loss(pred, 0.0, where=[[True, False]])
    assert loss.beta == 1.0  # the second of 0.1, 1.0, 8.0 and NaN, which is sorted last


def test_an_infinite_record_is_kept_and_loaded():
    loss, resumed = DynamicSmoothL1(k=2, interval=3), DynamicSmoothL1(k=2, interval=3)
    loss(np.array([0.5, np.inf]), 0.0)
    resumed.load_state_dict(json.loads(json.dumps(loss.state_dict())))
    for error in (0.25, 0.125):
        resumed(np.array([error]), 0.0)
    assert resumed.beta == 0.25


def test_a_record_that_is_nan_is_none():
    loss = DynamicSmoothL1(k=2, interval=1)
    loss(np.array([0.5, np.nan]), 0.0)
    assert loss.beta == 1.0


@pytest.mark.parametrize("call", ["__call__", "grad", "value_and_grad"])
def test_without_update_nothing_moves(call):
    loss = DynamicSmoothL1(k=1, interval=2)
    loss(np.array([0.5]), 0.0)
    before = loss.state_dict()
    getattr(loss, call)(np.array([0.1]), 0.0, update=False)
    assert loss.state_dict() == before
    getattr(loss, call)(np.array([0.1]), 0.0)
    assert loss.beta == 0.5


@pytest.mark.parametrize("statistic", ["upper_median", "median"])
def test_a_resumed_run_goes_on_bit_for_bit(statistic, tmp_path):
    whole, steps = DynamicSmoothL1(interval=37, statistic=statistic), list(batches(300))
    steps = [step for step in steps if step[0].size]
    for pred, target, images in steps[:100]:
        whole(pred, target, images=images)
    np.savez(tmp_path / "state.npz", **whole.state_dict())
    resumed = []
    for state in (json.loads(json.dumps(whole.state_dict())), np.load(tmp_path / "state.npz")):
        resumed.append(DynamicSmoothL1(interval=37, statistic=statistic))
        resumed[-1].load_state_dict(state)
    for pred, target, images in steps[100:]:
        expected = whole.value_and_grad(pred, target, images=images)
        for loss in resumed:
            value, grad = loss.value_and_grad(pred, target, images=images)
            np.testing.assert_array_equal(value, expected[0])
            np.testing.assert_array_equal(grad, expected[1])
            assert loss.state_dict() == whole.state_dict()


@pytest.mark.parametrize("size", [1, 2, 9, 1000, 40_000])
@pytest.mark.parametrize("kind", ["random", "rising", "falling", "ties", "NaN", "all NaN"])
def test_the_smallest_of_a_rank_is_numpys(size, kind):
    x = np.random.default_rng(5).standard_cauchy(size)
    x = {"rising": np.sort(x), "falling": -np.sort(x), "ties": x.round()}.get(kind, x)
    if "NaN" in kind:
        x = np.where(np.arange(size) % 3 < (2 if kind == "NaN" else 3), np.nan, x)
    for rank in {1, min(2, size), min(30, size), -(-size // 2), size}:
        np.testing.assert_array_equal(smallest(x, rank), np.sort(x)[rank - 1])
