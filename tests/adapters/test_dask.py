"""Losses of Dask arrays: the bits of the call on NumPy arrays, one task a block, and lazy results."""

from collections import Counter

import dask
import dask.array as da
import numpy as np
import pandas as pd
import pytest

import fastloss
from fastloss import huber
from fastloss._dask import tasks
from fastloss._formula.sum import CHUNK

pytestmark = pytest.mark.usefixtures("in_this_thread")

CALLS = "__call__", "grad", "value_and_grad", "grad_and_hess", "value_grad_hess", "irls_weights"
RNG = np.random.default_rng(11)
SIZE = 2 * CHUNK * 18 + 1000  # more blocks than one task folds, and a shorter last block
PRED, TARGET = RNG.standard_cauchy((2, SIZE)).astype(np.float32)
WEIGHT, WHERE = RNG.random(SIZE).astype(np.float32), RNG.random(SIZE) > 0.3
KEYWORDS = {
    "mean": {},
    "sum": {"reduction": "sum"},
    "none": {"reduction": "none"},
    "weight": {"weight": WEIGHT},
    "where": {"where": WHERE},
    "weight and where": {"weight": WEIGHT, "where": WHERE},
    "weight, sum": {"weight": WEIGHT, "reduction": "sum"},
    "weight, normalizer": {"weight": WEIGHT, "normalizer": 7.0},
    "delta": {"delta": 0.3},
    "array delta": {"delta": WEIGHT + np.float32(0.1)},
}


def in_blocks(x, size):
    return da.from_array(x, chunks=size) if isinstance(x, np.ndarray) else x


def assert_same_bits(found, expected):
    """Compute the results on Dask arrays together and compare them with those on NumPy arrays."""
    found = dask.compute(found)[0]
    pairs = zip(found, expected, strict=True) if isinstance(expected, tuple) else [(found, expected)]
    for one, other in pairs:
        np.testing.assert_array_equal(one, other, strict=isinstance(other, np.ndarray))


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("kind", KEYWORDS)
def test_blocks_of_a_power_of_two_of_chunks_have_the_bits_of_one_call(kind, call):
    keywords = {"reduction": "mean"} | KEYWORDS[kind]
    of_numpy, of_dask = getattr(huber, call), {k: in_blocks(x, 2 * CHUNK) for k, x in keywords.items()}
    lazy = getattr(huber, call)(in_blocks(PRED, 2 * CHUNK), in_blocks(TARGET, 2 * CHUNK), **of_dask)
    assert_same_bits(lazy, of_numpy(PRED, TARGET, **keywords))


@pytest.mark.parametrize("name", ["general_robust", "quantile", "poisson_nll", "hinge"])
@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int32])
def test_other_losses_and_types_in_blocks_of_rows(name, dtype):
    loss = getattr(fastloss, name)
    pred, target = (RNG.integers(-9, 9, (2, 3 * 64, 256)) / (1 if dtype == np.int32 else 4)).astype(dtype)
    lazy = loss.value_grad_hess(*(da.from_array(x, chunks=(64, 256)) for x in (pred, target)), weight=2.0)
    assert lazy[1].dtype == lazy[2].dtype == (np.float64 if dtype == np.int32 else dtype)
    assert_same_bits(lazy, loss.value_grad_hess(pred, target, weight=2.0))


def test_the_same_chunks_have_the_same_bits_on_any_scheduler():
    def value():
        lazy = huber(in_blocks(PRED, 5000), in_blocks(TARGET, 5000), weight=in_blocks(WEIGHT, 5000))
        return lazy.compute()

    expected = value()
    assert expected != huber(PRED, TARGET, weight=WEIGHT)  # so the order of additions shows
    assert expected == pytest.approx(huber(PRED, TARGET, weight=WEIGHT), rel=1e-12)
    for workers in 1, 2, 5:
        with dask.config.set(scheduler="threads", num_workers=workers):
            assert value() == expected


def refuse(block):
    raise AssertionError("computed")


def test_a_call_computes_nothing_and_results_say_what_they_will_be():
    pred = in_blocks(PRED, CHUNK).map_blocks(refuse, meta=np.empty(0, np.float32))
    weight = pred.astype(np.float64).rechunk(999)
    value, grad, hess = huber.value_grad_hess(
        pred, pred, weight=weight[0], delta=weight.max(), where=pred > 0
    )
    assert (value.shape, value.dtype) == ((), np.float64)
    assert grad.chunks == hess.chunks == pred.chunks
    assert grad.dtype == hess.dtype == np.float32
    assert type(grad._meta) is np.ndarray
    with pytest.raises(AssertionError, match="computed"):
        value.compute()


def test_each_block_is_read_once_and_computed_once(monkeypatch):
    counts = Counter()

    def read(block, name):
        counts[name] += block.size > 0
        return block

    run = tasks.Block.__call__

    def counted(self, *blocks):
        counts["tasks"] += 1
        return run(self, *blocks)

    monkeypatch.setattr(tasks.Block, "__call__", counted)
    given = {"pred": PRED, "target": TARGET, "weight": WEIGHT, "where": WHERE}
    lazy = {k: in_blocks(x, CHUNK).map_blocks(read, k, meta=x[:0]) for k, x in given.items()}
    dask.compute(huber.value_grad_hess(**lazy))
    blocks = lazy["pred"].npartitions
    assert counts == dict.fromkeys([*given, "tasks"], blocks)


def test_there_is_one_task_a_block_besides_getters_and_the_tree():
    pred, target = in_blocks(PRED, CHUNK), in_blocks(TARGET, CHUNK)
    blocks = pred.npartitions
    assert blocks == 37

    def count(*results):
        inputs = {pred.name, target.name, *(key for x in (pred, target) for key in dict(x.dask))}
        graph = {key for x in results for key in dict(x.dask)} - inputs
        prefixes = Counter(str(key[0] if isinstance(key, tuple) else key).rpartition("-")[0] for key in graph)
        return prefixes

    tree = 3 + 1  # three sums of up to 16 blocks each, and the sum of these
    assert count(huber(pred, target)).total() == blocks + tree
    assert count(*huber.grad_and_hess(pred, target)).total() == 3 * blocks
    found = count(*huber.value_grad_hess(pred, target))
    assert found["huber-value_grad_hess"] == blocks
    assert found.total() == 4 * blocks + tree


ROW, COLUMN = np.arange(1.0, 7.0), np.arange(1.0, 8.0)[:, None]
SMALL = RNG.standard_cauchy((2, 7, 6))
BROADCAST = {
    "a weight for each column": {"weight": ROW},
    "a weight for each row": {"weight": COLUMN},
    "a weight": {"weight": 2.0},
    "a mask": {"where": True},
    "a mask for each row": {"where": COLUMN > 2},
    "a parameter for each column": {"delta": ROW},
    "a list": {"weight": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]},
    "a frame": {"weight": pd.DataFrame(np.broadcast_to(COLUMN, (7, 6)))},
    "a target for each column": {"target": ROW},
    "a number as target": {"target": 0.1},
}


@pytest.mark.parametrize("kind", BROADCAST)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_operands_broadcast_to_pred_whether_or_not_they_are_lazy(kind, dtype):
    given = {"pred": SMALL[0].astype(dtype), "target": SMALL[1].astype(dtype)} | BROADCAST[kind]
    expected = huber.value_and_grad(**given)
    first = None
    for lazy in ["pred"], ["pred", "target"], given:
        some = {
            k: da.from_array(np.asarray(x), chunks=(3, 2)[: np.ndim(x)]) if k in lazy and np.ndim(x) else x
            for k, x in given.items()
        }
        value, grad = dask.compute(huber.value_and_grad(**some))[0]
        first = first or value
        assert value == pytest.approx(expected[0], rel=1e-13)
        assert value == first
        np.testing.assert_allclose(
            grad, expected[1], rtol=1e-6 if dtype == np.float32 else 1e-13, strict=True
        )


def test_numbers_may_be_lazy():
    pred, target = (da.from_array(x, chunks=3) for x in SMALL)
    delta, kept = abs(pred).mean(), (pred > 0).sum()
    value, grad = dask.compute(huber.value_and_grad(pred, target, delta=delta, normalizer=kept))[0]
    expected = huber.value_and_grad(*SMALL, delta=np.abs(SMALL[0]).mean(), normalizer=(SMALL[0] > 0).sum())
    assert value == pytest.approx(expected[0])
    np.testing.assert_allclose(grad, expected[1])
    for wrong in {"delta": -delta}, {"normalizer": -kept}:
        with pytest.raises(ValueError, match=rf"huber: {next(iter(wrong))} must be .*, got -"):
            huber(pred, target, **wrong).compute()


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_arrays_of_no_axes(reduction):
    pred, target = SMALL[:, 0, 0]
    lazy = huber.value_and_grad(da.asarray(pred), da.asarray(target), reduction=reduction, weight=2.0)
    assert [x.shape for x in lazy] == [(), ()]
    assert_same_bits(lazy, huber.value_and_grad(pred, target, reduction=reduction, weight=2.0))


def test_the_smaller_side_is_rechunked():
    narrow, wide = (da.from_array(x, chunks=(2, 3)) for x in SMALL.astype(np.float32)), SMALL
    pred, target = narrow
    double = da.from_array(wide[1], chunks=(7, 1))
    assert huber.grad(pred, target.rechunk((1, 6))).chunks == pred.chunks
    assert huber.grad(pred, double).chunks == double.chunks
    assert huber.grad(wide[0], double).chunks == double.chunks
    np.testing.assert_array_equal(huber.grad(pred, double), huber.grad(np.asarray(pred), wide[1]))


@fastloss.loss(tau=fastloss.between(0, 1, default=0.5))
def pinball(pred, target, tau):
    T, error = type(pred), target - pred
    return (tau * error, -tau, T(0)) if error > 0 else ((tau - T(1)) * error, T(1) - tau, T(0))


def test_ones_own_loss_and_the_same_names_for_the_same_call():
    pred, target = (da.from_array(x, chunks=3) for x in SMALL)
    assert_same_bits(pinball.grad(pred, target, tau=0.9), pinball.grad(*SMALL, tau=0.9))
    assert pinball(pred, target).name == pinball(pred, target).name
    names = [pinball(pred, target).name, huber(pred, target).name, huber(pred, target, delta=2.0).name]
    names += [huber(pred, target, reduction="sum").name, huber(target, pred).name, huber(pred, pred).name]
    assert len(set(names)) == len(names)


def test_losses_that_adapt_are_lazy_where_their_thresholds_are_known():
    pred, target = (da.from_array(x, chunks=3) for x in SMALL)
    one, other = (fastloss.DynamicSmoothL1(50.0, k=2, interval=1) for _ in range(2))
    for _ in range(2):  # the second time with the beta that the first step gave
        results = one.value_and_grad(pred, target, errors=abs(pred - target).mean(1).compute())
        assert_same_bits(results[1], other.value_and_grad(*SMALL)[1])
        assert one.state_dict() == other.state_dict()
    assert one.beta < one.beta_max
    adjusted = fastloss.SelfAdjustingSmoothL1(6, beta_max=5.0)
    adjusted(*SMALL)
    for loss, found in (
        (other, one.grad(pred, target, update=False)),
        (adjusted, fastloss.smooth_l1.grad(pred, target, beta=adjusted.beta)),
    ):
        assert isinstance(found, da.Array)
        assert_same_bits(found, loss.grad(*SMALL, update=False))
