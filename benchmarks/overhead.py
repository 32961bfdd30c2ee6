"""asv: what a small call, a first call and an import cost."""

import os
import subprocess
import sys
import tempfile
from time import perf_counter

import numpy as np

import fastloss
from benchmarks.figures import ONE_CALL


class SmallCalls:
    """Calls on a thousand elements, from end to end."""

    def setup(self) -> None:
        rng = np.random.default_rng(0)
        self.pred, self.target, self.weight = rng.random((3, 1000), np.float32)
        self.table = self.pred.reshape(250, 4)
        self.columns = np.array([0.5, 1.0, 2.0, 4.0], np.float32)
        for call in (self.time_value_and_grad, self.time_weighted, self.time_columns):
            call()

    def time_value_and_grad(self) -> None:
        fastloss.huber.value_and_grad(self.pred, self.target, delta=1.0)

    def time_weighted(self) -> None:
        fastloss.huber.value_and_grad(self.pred, self.target, weight=self.weight)

    def time_columns(self) -> None:
        fastloss.huber.value_and_grad(self.table, 0.0, delta=self.columns)


class Processes:
    """A whole Python process with one call, by an empty cache of kernels and a filled one."""

    timeout = 120
    processes = 5

    def setup(self) -> None:
        self.folder = tempfile.TemporaryDirectory()

    def teardown(self) -> None:
        self.folder.cleanup()

    def _seconds(self, folder: str) -> float:
        start = perf_counter()
        environment = {**os.environ, "NUMBA_CACHE_DIR": folder}
        subprocess.run([sys.executable, "-c", ONE_CALL], check=True, env=environment)
        return perf_counter() - start

    def track_first_call_cold(self) -> float:
        folders = [os.path.join(self.folder.name, str(k)) for k in range(self.processes)]
        return float(np.median([self._seconds(folder) for folder in folders]))

    def track_first_call_warm(self) -> float:
        folder = os.path.join(self.folder.name, "warm")
        self._seconds(folder)
        return float(np.median([self._seconds(folder) for _ in range(self.processes)]))

    track_first_call_cold.unit = track_first_call_warm.unit = "s"


def timeraw_import() -> str:
    """Import in a fresh process."""
    return "import fastloss"
