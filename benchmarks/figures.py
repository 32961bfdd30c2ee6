"""The figures of fastloss and their goals: part of `benchmarks.report`.

Every ratio is a median over rounds in which the contenders run in turn, so that other work on the
machine slows down both.
"""

import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from statistics import median
from time import perf_counter

import fastloss
from benchmarks import adaptive, ceilings, family, layouts, small
from benchmarks.goals import Figure, ratio
from benchmarks.operands import arrays

EXACT = 10**7
PROCESSES = 5
ONE_CALL = """
import numpy, fastloss
x = numpy.ones(1000, numpy.float32)
fastloss.huber.value_and_grad(x, x, delta=1.0)
"""


def adapting() -> list[Figure]:
    """A step of the adaptive losses against a plain call, and the selection that one of them needs."""
    return [ratio(what, speed, goal) for what, (speed, goal) in adaptive.speeds().items()]


def process_seconds(folder: str) -> float:
    """The time of a Python process that makes one call, with its kernel cache in a folder."""
    start = perf_counter()
    environment = {**os.environ, "NUMBA_CACHE_DIR": folder}
    subprocess.run([sys.executable, "-c", ONE_CALL], check=True, env=environment)
    return perf_counter() - start


def processes() -> list[Figure]:
    """A process with one call, with an empty and with a filled kernel cache."""
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
    """The error of the mean, from an exact sum of the same elements."""
    pred, target = arrays(EXACT)
    exact = math.fsum(fastloss.huber(pred, target, reduction="none").tolist()) / pred.size
    error = abs(fastloss.huber(pred, target) - exact) / exact
    return [
        Figure(
            f"mean of {EXACT} elements against math.fsum", f"{error:.1e} relative", "<= 1e-15", error <= 1e-15
        )
    ]


def measured() -> Iterator[Figure]:
    """Yield all figures one by one."""
    parts = (ceilings.cached, ceilings.from_memory, small.figures, layouts.figures, family.figures)
    for part in (*parts, adapting, processes, accuracy):
        yield from part()
