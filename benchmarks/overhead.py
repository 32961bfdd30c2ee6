"""asv: the time of a small call, of a first call and of an import."""

import os
import tempfile

import numpy as np

import fastloss
from benchmarks.figures import process_seconds
from benchmarks.points import device, subjects
from fastloss._definition.drawing import drawn


class SmallCalls:
    """Calls on a thousand elements, including the wait for the device."""

    params = subjects()
    param_names = ["loss"]

    def setup(self, subject: str) -> None:
        place_name, loss = subject.split()
        place, self.wait = device(place_name)
        rng = np.random.default_rng(0)
        pred, target = drawn(fastloss.get(loss), rng, 1000, np.float32)
        weight = rng.random(1000, np.float32)
        self.arrays = place(pred), place(target)
        self.weight = place(weight)
        self.tables = place(pred.reshape(250, 4)), place(target.reshape(250, 4))
        self.columns = place(np.array([0.5, 1.0, 2.0, 4.0], np.float32))
        self.call = fastloss.get(loss).value_and_grad
        for call in (self.time_value_and_grad, self.time_weighted, self.time_columns):
            call(subject)

    def time_value_and_grad(self, subject: str) -> None:
        self.call(*self.arrays)
        self.wait()

    def time_weighted(self, subject: str) -> None:
        self.call(*self.arrays, weight=self.weight)
        self.wait()

    def time_columns(self, subject: str) -> None:
        """A weight for each column."""
        self.call(*self.tables, weight=self.columns)
        self.wait()


class Processes:
    """A whole Python process with one call, with an empty and with a filled kernel cache."""

    unit = "s"
    timeout = 120
    processes = 5

    def setup(self) -> None:
        self.folder = tempfile.TemporaryDirectory()

    def teardown(self) -> None:
        self.folder.cleanup()

    def track_first_call_cold(self) -> float:
        folders = [os.path.join(self.folder.name, str(k)) for k in range(self.processes)]
        return float(np.median([process_seconds(folder) for folder in folders]))

    def track_first_call_warm(self) -> float:
        folder = os.path.join(self.folder.name, "warm")
        process_seconds(folder)
        return float(np.median([process_seconds(folder) for _ in range(self.processes)]))


def timeraw_import() -> str:
    """Import in a fresh process."""
    return "import fastloss"
