"""The figures of the adaptive losses: part of `benchmarks.report`."""

from statistics import median

import numpy as np

import fastloss
from benchmarks.pairs import Timings

SIZE = 1 << 22
RANK = 20


def speeds() -> dict[str, tuple[float, float]]:
    """The speed of a step relative to what it is compared with, and its goal."""
    return self_adjusting() | dynamic()


def self_adjusting() -> dict[str, tuple[float, float]]:
    """A step reads pred and target twice; it may take twice the time of a plain call."""
    pred, target = np.random.default_rng(0).standard_normal((2, SIZE, 4), np.float32)
    out = np.empty_like(pred)
    loss = fastloss.SelfAdjustingSmoothL1(4, beta_max=1.0)
    timings = Timings(
        {
            "step": lambda: loss.value_and_grad(pred, target, grad_out=out),
            "plain": lambda: fastloss.smooth_l1.value_and_grad(pred, target, grad_out=out),
        },
        rounds=25,
        min_run_time=0.02,
    )
    return {
        "(2^22, 4): step of SelfAdjustingSmoothL1 against smooth_l1": (timings.speed("step", "plain"), 0.5)
    }


def dynamic() -> dict[str, tuple[float, float]]:
    """A step may take 1.1 times as long as a plain call, plus the time of `np.partition` on the errors."""
    pred, target = np.random.default_rng(0).standard_normal((2, SIZE), np.float32)
    out, errors = np.empty_like(pred), np.abs(pred - target)
    loss = fastloss.DynamicSmoothL1(k=RANK)
    timings = Timings(
        {
            "step": lambda: loss.value_and_grad(pred, target, grad_out=out),
            "plain": lambda: fastloss.smooth_l1.value_and_grad(pred, target, grad_out=out),
            "selection": lambda: np.partition(errors, RANK - 1)[RANK - 1],
        },
        rounds=25,
    )
    rounds = zip(*(timings.seconds[name] for name in ("step", "plain", "selection")), strict=True)
    speed = median((1.1 * plain + selection) / step for step, plain, selection in rounds)
    return {"2^22: step of DynamicSmoothL1 against 1.1 x smooth_l1 + np.partition": (speed, 1)}
