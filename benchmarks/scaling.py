"""asv: speed by the number of threads, and by the number of elements."""

import os

import numba
import numpy as np

import fastloss
from benchmarks.pairs import Timings
from benchmarks.points import device, subjects
from benchmarks.throughput import MIN_RUN_TIME
from benchmarks.yardsticks import BYTES
from fastloss.losses import shipped

COUNT = 1 << 24
LARGEST = 10**8  # the tests use less
CORES = os.cpu_count() or 1


class Threads:
    """Value and gradient of 2^24 float32 in GB/s."""

    params = (sorted({*(1 << k for k in range(CORES.bit_length())), CORES}), list(shipped()))
    param_names = ("threads", "loss")
    unit = "GB/s"
    samples = 15

    def setup(self, threads: int, loss: str) -> None:
        self.usual = numba.get_num_threads()
        try:
            numba.set_num_threads(threads)
        except ValueError as error:
            raise NotImplementedError("Numba was given fewer threads") from error
        pred, target, out = np.ones((3, COUNT), np.float32)
        call = fastloss.get(loss).value_and_grad
        self.calls = {"call": lambda: call(pred, target, grad_out=out)}

    def teardown(self, threads: int, loss: str) -> None:
        numba.set_num_threads(self.usual)

    def track_speed(self, threads: int, loss: str) -> float:
        return BYTES * COUNT / Timings(self.calls, self.samples).median("call") / 1e9


class Sizes:
    """Value and gradient of 10^2 to 10^8 float32 in nanoseconds an element."""

    params = ([f"1e{power}" for power in range(2, 9)], subjects())  # asv plots numbers to scale
    param_names = ("elements", "loss")
    unit = "ns/element"
    samples = 15

    def setup(self, elements: str, subject: str) -> None:
        place_name, loss = subject.split()
        place, wait = device(place_name)
        self.count = min(int(float(elements)), LARGEST)
        pred, target, out = (place(np.ones(self.count, np.float32)) for _ in range(3))
        call = fastloss.get(loss).value_and_grad
        self.calls = {"call": lambda: (call(pred, target, grad_out=out), wait())}

    def track_nanoseconds(self, elements: str, subject: str) -> float:
        timings = Timings(self.calls, self.samples, MIN_RUN_TIME)
        return timings.median("call") / self.count * 1e9
