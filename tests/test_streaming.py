"""How large outputs are written is chosen by trials, and changes no bit."""

from collections import defaultdict

import numpy as np
import pytest

from fastloss import huber
from fastloss._cpu import forms, plain, threads
from fastloss._cpu import launch as _launch
from fastloss._cpu.streaming import Choice


@pytest.fixture
def tried(monkeypatch):
    """Return a function that forces one way to write outputs of any size, and a list of what was noted."""
    told = []

    def force(way):
        choice = Choice()
        choice.way = lambda: way
        choice.note = lambda way, time: told.append((way, time))
        monkeypatch.setattr(_launch, "choices", defaultdict(lambda: choice))
        for module in (_launch, plain):
            monkeypatch.setattr(module, "STREAMED_FROM", 0)
        monkeypatch.setattr(forms, "is_small", lambda size: False)

    return force, told


@pytest.mark.parametrize("parallel", [False, True])
@pytest.mark.parametrize(
    ("dtype", "target_dtype"),
    [
        (np.float32, np.float32),
        (np.float64, np.float64),
        (np.float32, np.int16),
        (np.float16, np.float16),
        (">f4", ">f4"),
    ],
)
def test_both_ways_write_the_same_bits_and_nothing_else(dtype, target_dtype, parallel, tried, monkeypatch):
    force, told = tried
    monkeypatch.setattr(_launch, "PARALLEL_FROM", 0 if parallel else 1 << 62)
    monkeypatch.setattr(threads, "threads", lambda: 2)
    rng = np.random.default_rng(0)
    for size in (1, 15, 16, 511, 513, 40_001):
        pred, target = rng.standard_normal((2, size)).astype(dtype)
        target = target.astype(target_dtype)
        for start in (0, 1, 7):
            whole = {way: np.full((2, size + 40), 9, dtype) for way in ("put", "stream")}
            found = {}
            for way, room in whole.items():
                force(way)
                outs = {"grad_out": room[0, start : start + size], "hess_out": room[1, start : start + size]}
                found[way] = huber.value_grad_hess(pred, target, **outs)[0]
                assert told.pop()[0] == way
            assert found["put"] == found["stream"]
            np.testing.assert_array_equal(whole["put"], whole["stream"])
            assert (whole["put"] == 9).sum() >= 2 * 40


def test_outputs_that_are_not_plain_are_put(tried):
    force, _ = tried
    force("stream")
    pred, target = np.random.default_rng(1).standard_normal((2, 30, 50)).astype(np.float16)
    expected = huber.grad(pred.astype(np.float32), target.astype(np.float32), reduction="sum")
    np.testing.assert_array_equal(huber.grad(pred, target, reduction="sum"), expected.astype(np.float16))
    out = np.empty((50, 30), np.float16).T
    huber.grad(pred, target, reduction="sum", grad_out=out)
    np.testing.assert_array_equal(out, expected.astype(np.float16))


def test_each_way_is_tried_three_times_and_the_faster_one_kept():
    for faster in ("put", "stream"):
        choice = Choice()
        ways = []
        for k in range(9):
            ways.append(choice.way())
            slow = k == 0 or ways[-1] != faster  # the first call may be disturbed
            choice.note(ways[-1], 2.0 if slow else 1.0)
        assert sorted(ways[:6]) == ["put"] * 3 + ["stream"] * 3
        assert ways[6:] == [faster] * 3


def test_times_of_one_type_say_nothing_of_another(monkeypatch):
    made = defaultdict(Choice)
    monkeypatch.setattr(_launch, "choices", made)
    for module in (_launch, plain):
        monkeypatch.setattr(module, "STREAMED_FROM", 0)
    monkeypatch.setattr(forms, "is_small", lambda size: False)
    for k in range(12):  # in turn, as they may be in a program
        x = np.ones(600, np.float32 if k % 3 else np.float64)
        huber.grad(x, x.astype(np.int16) if k % 3 == 2 else x)
    assert [choice.tried for choice in made.values()] == [{"put": 2, "stream": 2}] * 3


def test_an_output_that_overlaps_is_refused_though_the_call_is_remembered(tried):
    force, told = tried
    memory = np.arange(300, dtype=np.float32)
    target = memory[:96] + 1
    for way in ("put", "stream"):
        force(way)
        for _ in range(3):
            huber.grad(memory[:96], target, grad_out=memory[200:296])
        with pytest.raises(ValueError, match="grad_out overlaps pred"):
            huber.grad(memory[:96], target, grad_out=memory[40:136])
        with pytest.raises(ValueError, match="hess_out must not overlap grad_out"):
            huber.grad_and_hess(memory[:96], target, grad_out=memory[100:196], hess_out=memory[190:286])
    np.testing.assert_array_equal(memory[:200], np.arange(200))
    assert len(told) == 6
