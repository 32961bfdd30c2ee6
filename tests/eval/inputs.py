"""The usual inputs of the tests, and helpers to inspect a run."""

import numpy as np

from fastloss.commands import eval as command

HUBER = ("--loss", "huber")
RNG = np.random.default_rng(7)
PRED, TARGET = (RNG.normal(0, 3, (40, 30)).astype(np.float32) for _ in range(2))
WEIGHT = RNG.random((40, 30), np.float32)
WHERE = RNG.random((40, 30)) < 0.5


def listing(folder):
    """The bytes of every file in a folder, by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def at_progress(monkeypatch, action, at=1):
    """Run an action when the progress is shown for the given time; return the list of what is shown."""
    calls = []

    def show(bar, done, size):
        calls.append((done, size))
        if len(calls) == at:
            action()

    monkeypatch.setattr(command.Bar, "show", show)
    return calls


def same_bits(a, b):
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()
