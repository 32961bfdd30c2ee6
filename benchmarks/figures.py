"""fastloss's own figures and their goals: part of `benchmarks.report`.

Every ratio is a median over rounds in which the contenders run in turn, so a machine that
others slow down slows both.
"""

import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from statistics import median
from time import perf_counter
from typing import NamedTuple

import numpy as np

import fastloss
from benchmarks import adaptive, operands, yardsticks
from benchmarks.pairs import Timings

LARGE = 1 << 26
SMALL = 1000
EXACT = 10**7
PROCESSES = 5
ROUNDS = 300
ONE_CALL = """
import numpy, fastloss
x = numpy.ones(1000, numpy.float32)
fastloss.huber.value_and_grad(x, x, delta=1.0)
"""


class Figure(NamedTuple):
    """One line of the table."""

    what: str
    measured: str
    goal: str
    reached: bool


def arrays(size: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return 2 * rng.standard_normal(size, dtype=np.float32), rng.standard_normal(size, dtype=np.float32)


def large() -> list[Figure]:
    """Throughput far outside the caches."""
    pred, target = arrays(LARGE)
    out = np.empty_like(pred)
    contenders = {
        "fastloss": lambda: fastloss.huber.value_and_grad(pred, target, delta=1.0, grad_out=out),
        "subtract": lambda: yardsticks.subtract(pred, target, out),
    }
    memory = Timings(contenders, rounds=ROUNDS)
    value = Timings(
        {
            "fastloss": lambda: fastloss.huber(pred, target, delta=1.0),
            "total": lambda: yardsticks.total(pred, target),
        },
        rounds=ROUNDS,
    )
    figures = [
        ratio("value_and_grad against a parallel `g = p - t`", memory.speed("fastloss", "subtract"), 0.9),
        ratio("value against a parallel sum of both arrays", value.speed("fastloss", "total"), 0.9),
    ]
    seconds = memory.median("fastloss")
    figures.append(
        Figure(
            "value_and_grad",
            f"{seconds * 1e3:.1f} ms, {yardsticks.BYTES * LARGE / seconds / 1e9:.0f} GB/s",
            "",
            True,
        )
    )
    return [figure._replace(what=f"n = 2^26: {figure.what}") for figure in figures]


def other_operands() -> list[Figure]:
    """Weights, masks, array parameters, types and layouts."""
    figures = [
        ratio(f"n = 2^24: {name}, per byte against the plain call", speed, goal)
        for name, (speed, goal) in operands.speeds().items()
    ]
    what = "(1024, 16384), pred transposed: against the usual NumPy lines"
    return [*figures, ratio(what, operands.transposed(), 1)]


def adapting() -> list[Figure]:
    """A step of the losses that adapt, against a plain call (and the selection that one needs)."""
    return [ratio(what, speed, goal) for what, (speed, goal) in adaptive.speeds().items()]


def small() -> list[Figure]:
    """One call on arrays that fit the first cache, its gradient allocated."""
    pred, target = arrays(SMALL)
    call = {"fastloss": lambda: fastloss.huber.value_and_grad(pred, target, delta=1.0)}
    micro = Timings(call, rounds=ROUNDS, min_run_time=5e-4).median("fastloss") * 1e6
    return [Figure("n = 1000: value_and_grad", f"{micro:.1f} us", "<= 3.5 us", micro <= 3.5)]


def process_seconds(folder: str) -> float:
    """A whole Python process that makes one call, its kernels kept in a folder."""
    start = perf_counter()
    environment = {**os.environ, "NUMBA_CACHE_DIR": folder}
    subprocess.run([sys.executable, "-c", ONE_CALL], check=True, env=environment)
    return perf_counter() - start


def processes() -> list[Figure]:
    """A process with one call, by an empty cache and a filled one."""
    cold, warm = [], []
    for _ in range(PROCESSES):
        with tempfile.TemporaryDirectory() as folder:
            cold.append(process_seconds(folder))
            warm.append(process_seconds(folder))
    return [
        Figure(
            "process with one call, kernel cached", f"{median(warm):.2f} s", "<= 1.0 s", median(warm) <= 1
        ),
        Figure(
            "process with one call, nothing cached", f"{median(cold):.2f} s", "<= 3.0 s", median(cold) <= 3
        ),
    ]


def accuracy() -> list[Figure]:
    """The mean against an exact sum of the same elements."""
    pred, target = arrays(EXACT)
    exact = math.fsum(fastloss.huber(pred, target, reduction="none").tolist()) / pred.size
    error = abs(fastloss.huber(pred, target) - exact) / exact
    return [
        Figure(
            f"mean of {EXACT} elements against math.fsum", f"{error:.1e} relative", "<= 1e-15", error <= 1e-15
        )
    ]


def ratio(what: str, speed: float, goal: float | None) -> Figure:
    return Figure(
        what, f"{speed:.2f} x", "" if goal is None else f">= {goal:g} x", goal is None or speed >= goal
    )


def measured() -> Iterator[Figure]:
    """All of them, one by one."""
    for part in (large, other_operands, adapting, small, processes, accuracy):
        yield from part()
