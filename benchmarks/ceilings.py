"""fastloss against plain loops, in the second-level cache and from memory: part of `benchmarks.report`."""

from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import numpy as np

import fastloss
from benchmarks import yardsticks
from benchmarks.goals import Figure, ratio
from benchmarks.operands import arrays
from benchmarks.pairs import Call, Timings

LARGE = 1 << 26
CACHED = 10**5
ROUNDS = 150
PLACEMENTS = 5  # of arrays in memory: in a cache, speed depends on which pages they get
MIN_RUN_TIME = 1e-3

Pair = tuple[Call, Call]
Loop = Callable[..., Any]


def cached() -> list[Figure]:
    """One thread, and as many elements of each type."""
    figures = []
    for dtype in (np.float32, np.float64):
        placed = [  # all at the same time, because freed memory would be used again
            beside(CACHED, dtype, yardsticks.subtract_alone, yardsticks.total_alone)
            for _ in range(PLACEMENTS)
        ]
        gradient, value = (
            [timings(pair, ROUNDS // PLACEMENTS, MIN_RUN_TIME).speed("fastloss", "loop") for pair in pairs]
            for pairs in zip(*placed, strict=True)
        )
        name = f"n = 10^5, {dtype.__name__}"
        figures += [
            ratio(f"{name}: value_and_grad against a serial `g = p - t`", median(gradient), 0.6),
            ratio(f"{name}: value against a serial float64 sum of both arrays", median(value), 0.75),
        ]
    return figures


def from_memory() -> list[Figure]:
    """All threads, and arrays much larger than the caches."""
    figures = []
    for dtype in (np.float32, np.float64):
        gradient, value = (
            timings(pair, ROUNDS) for pair in beside(LARGE, dtype, yardsticks.subtract, yardsticks.total)
        )
        name = f"n = 2^26, {dtype.__name__}"
        won, goal = ("stores past the caches", 1.2) if streams(dtype) else ("ordinary stores", 0.95)
        against = f"{name}: value_and_grad against a parallel `g = p - t` ({won} won here)"
        seconds = gradient.median("fastloss")
        rate = 3 * np.dtype(dtype).itemsize * LARGE / seconds / 1e9
        figures += [
            ratio(against, gradient.speed("fastloss", "loop"), goal),
            ratio(
                f"{name}: value against a parallel sum of both arrays", value.speed("fastloss", "loop"), 0.95
            ),
            Figure(f"{name}: value_and_grad", f"{seconds * 1e3:.1f} ms, {rate:.0f} GB/s", "", True),
        ]
    return figures


def beside(size: int, dtype: type, subtract: Loop, total: Loop) -> tuple[Pair, Pair]:
    """Pair value and gradient with a subtraction, and the value alone with a sum."""
    pred, target = arrays(size, dtype)
    out = np.empty_like(pred)
    both = partial(fastloss.huber.value_and_grad, pred, target, delta=1.0, grad_out=out)
    value = partial(fastloss.huber, pred, target, delta=1.0)
    return (both, partial(subtract, pred, target, out)), (value, partial(total, pred, target))


def timings(pair: Pair, rounds: int, min_run_time: float = 0.0) -> Timings:
    return Timings(dict(zip(("fastloss", "loop"), pair, strict=True)), rounds, min_run_time)


def streams(dtype: type) -> bool:
    """Whether fastloss found in this process that it is faster to write large gradients past the caches."""
    from fastloss._cpu.streaming import choices  # here, because asv runs this with versions without it

    return any(
        choice.way() == "stream"
        for (variant, _), choice in choices.items()
        if variant.dtype == dtype and variant.grad_out and variant.summed
        if not (variant.weight or variant.where or any(variant.params))
    )
