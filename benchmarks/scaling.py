"""asv: speed by the number of threads, and by the number of elements."""

import os

import numba
import numpy as np

import fastloss
from benchmarks.pairs import Timings
from benchmarks.throughput import MIN_RUN_TIME

COUNT = 1 << 24
LARGEST = 10**8  # the tests take less


class Threads:
    """Value and gradient of 2^24 float32 in GB/s."""

    params = sorted({*(1 << k for k in range((os.cpu_count() or 1).bit_length())), os.cpu_count() or 1})
    param_names = ["threads"]
    samples = 15

    def setup(self, threads: int) -> None:
        if threads > numba.config.NUMBA_NUM_THREADS:
            raise NotImplementedError("Numba was given fewer threads")
        self.arrays = np.ones((3, COUNT), np.float32)
        numba.set_num_threads(threads)

    def teardown(self, threads: int) -> None:
        numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)

    def track_speed(self, threads: int) -> float:
        pred, target, out = self.arrays
        call = {"call": lambda: fastloss.huber.value_and_grad(pred, target, grad_out=out)}
        return 12 * COUNT / Timings(call, self.samples).median("call") / 1e9

    track_speed.unit = "GB/s"


class Sizes:
    """Value and gradient of 10^2 to 10^8 float32 in nanoseconds an element."""

    params = [f"1e{power}" for power in range(2, 9)]  # numbers would be drawn to scale
    param_names = ["elements"]
    samples = 15

    def setup(self, elements: str) -> None:
        self.arrays = np.ones((3, min(int(float(elements)), LARGEST)), np.float32)

    def track_nanoseconds(self, elements: str) -> float:
        pred, target, out = self.arrays
        call = {"call": lambda: fastloss.huber.value_and_grad(pred, target, grad_out=out)}
        return Timings(call, self.samples, MIN_RUN_TIME).median("call") / pred.size * 1e9

    track_nanoseconds.unit = "ns/element"
