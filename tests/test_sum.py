"""The sum is accurate, and the fixed order of its additions determines its bits."""

import math

import numpy as np
import pytest

import fastloss
from fastloss._formula.sum import BAND, CHUNK, LANES


def folded(losses):
    """The documented order of additions, written with NumPy."""
    sums = []
    for start in range(0, losses.size, CHUNK):
        chunk = np.zeros(CHUNK)
        chunk[: losses.size - start] = losses[start : start + CHUNK]
        lanes = np.zeros((CHUNK // BAND, LANES))
        for row in range(0, BAND, LANES):
            lanes = lanes + chunk.reshape(-1, BAND)[:, row : row + LANES]
        lanes = lanes.ravel()
        while lanes.size > 1:
            lanes = lanes[: lanes.size // 2] + lanes[lanes.size // 2 :]
        sums.append(lanes[0])
    while len(sums) > 1:
        pairs = [a + b for a, b in zip(sums[::2], sums[1::2], strict=False)]
        sums = pairs + sums[len(pairs) * 2 :]
    return float(sums[0]) if sums else 0.0


SIZES = [0, 1, 2, 511, 512, 513, BAND - 1, BAND + 5, 3 * BAND + 300]
SIZES += [CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 7 * CHUNK + 1234, 40 * CHUNK + 5]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", SIZES)
def test_sum_has_the_documented_shape(size, dtype):
    rng = np.random.default_rng(size)
    pred, target = rng.standard_cauchy((2, size)).astype(dtype)
    losses = fastloss.huber(pred, target, reduction="none", delta=2.0)
    total = folded(losses)
    assert fastloss.huber(pred, target, reduction="sum", delta=2.0) == total
    if size:
        assert fastloss.huber(pred, target, delta=2.0) == total / size
        assert fastloss.huber(pred, target, delta=2.0, normalizer=3) == total / 3


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_blocks_of_whole_chunks_fold_to_the_same_bits(depth):
    rng = np.random.default_rng(depth)
    pred, target = rng.standard_cauchy((2, 13 * CHUNK + 99))
    block = CHUNK << depth
    sums = [
        fastloss.huber(pred[lo : lo + block], target[lo : lo + block], reduction="sum")
        for lo in range(0, pred.size, block)
    ]
    while len(sums) > 1:
        pairs = [a + b for a, b in zip(sums[::2], sums[1::2], strict=False)]
        sums = pairs + sums[len(pairs) * 2 :]
    assert sums[0] == fastloss.huber(pred, target, reduction="sum")


@pytest.mark.parametrize("name", ["huber", "squared_error"])
def test_mean_of_many_elements_is_accurate(name):
    rng = np.random.default_rng(1)
    pred = rng.standard_normal(10**6, dtype=np.float32)
    target = rng.standard_cauchy(10**6).astype(np.float32)
    loss = fastloss.get(name)
    exact = math.fsum(loss(pred, target, reduction="none").tolist()) / pred.size
    assert loss(pred, target) == pytest.approx(exact, rel=1e-15)


@pytest.mark.parametrize("name", ["huber", "squared_error", "absolute_error"])
@pytest.mark.parametrize("call", ["value", "value_and_grad", "value_grad_hess"])
def test_every_call_has_the_same_value_to_the_bit(name, call):
    rng = np.random.default_rng(2)
    pred, target = rng.standard_cauchy((2, 50_000)).astype(np.float32)
    loss = fastloss.get(name)
    result = loss(pred, target) if call == "value" else getattr(loss, call)(pred, target)[0]
    out = np.empty_like(pred)
    assert result == loss.value_and_grad(pred, target, grad_out=out)[0]
    assert result == folded(loss(pred, target, reduction="none")) / pred.size


def test_gradient_of_the_mean_is_rounded_as_documented():
    rng = np.random.default_rng(4)
    for dtype in (np.float32, np.float64):
        pred, target = rng.standard_cauchy((2, 1001)).astype(dtype)
        elementwise = fastloss.huber.grad(pred, target, reduction="none")
        expected = elementwise * dtype(1 / 1001)
        np.testing.assert_array_equal(fastloss.huber.grad(pred, target), expected)
