"""Signals and the progress bar of the command eval."""

import os
import pty
import signal
import sys
import termios
import threading
from itertools import count

import numpy as np
import pytest

from fastloss.commands import eval as command
from fastloss.commands import npy
from tests.subprocesses import run_command

from .inputs import HUBER, at_progress, listing


@pytest.mark.parametrize("at", [1, 2, 3], ids=["in the weights", "in the data", "in the flush"])
@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_an_interrupted_run_leaves_no_trace(evaluate, folder, monkeypatch, number, status, at):
    (folder / "grad.npy").write_text("of an earlier run")
    before = listing(folder)
    calls = at_progress(monkeypatch, lambda: signal.raise_signal(number), at)
    argv = ["--weight", "weight.npy", "--grad-out", "grad.npy", "--force"]
    former = signal.signal(number, lambda *_: calls.append("not held"))  # the default ends pytest
    handler = signal.getsignal(number)
    try:
        if number == signal.SIGINT:
            assert evaluate(*argv) == (status, "", "")
        else:
            with pytest.raises(SystemExit) as stop:
                evaluate(*argv)
            assert stop.value.code == status
        assert signal.getsignal(number) is handler
    finally:
        signal.signal(number, former)
    assert len(calls) == at
    assert listing(folder) == before


def test_no_signal_comes_between_two_outputs(evaluate, folder, monkeypatch):
    publish, before = npy.Output.publish, listing(folder).keys()

    def interrupted(output):
        signal.raise_signal(signal.SIGINT)
        publish(output)

    monkeypatch.setattr(npy.Output, "publish", interrupted)
    files = "--loss-out", "loss.npy", "--grad-out", "grad.npy"
    assert evaluate("--reduction", "none", *files)[0] == 0
    assert listing(folder).keys() == before | {"loss.npy", "grad.npy"}


def test_a_hangup_that_is_ignored_stays_so(evaluate, monkeypatch):
    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        at_progress(monkeypatch, lambda: signal.raise_signal(signal.SIGHUP))
        assert evaluate("--grad-out", "grad.npy")[0] == 0
    finally:
        signal.signal(signal.SIGHUP, former)


def test_a_thread_may_run_the_command(evaluate):
    found = []
    thread = threading.Thread(target=lambda: found.append(evaluate("--grad-out", "grad.npy")[0]))
    thread.start()
    thread.join()
    assert found == [0]


def test_a_process_ends_with_the_signals_status(folder):
    before = listing(folder)
    interrupting = """
import os, signal
from fastloss.commands import eval as command
from fastloss.commands import npy
command.Bar.show = lambda *_: os.kill(os.getpid(), signal.SIGTERM)
"""
    argv = "eval", "pred.npy", "target.npy", *HUBER, "--grad-out", "grad.npy"
    result = run_command(*argv, before=interrupting, cwd=folder)
    assert (result.returncode, result.stdout, result.stderr) == (143, "", "")
    assert listing(folder) == before


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="no unnamed files")
def test_a_process_killed_by_an_input_that_is_cut_leaves_no_trace(folder):
    np.save("pred", np.zeros(1 << 16))
    np.save("target", np.zeros(1 << 16))
    before = listing(folder).keys()
    cutting = """
import os
from fastloss._cpu import launch
from fastloss.commands import eval as command
launch.WATCHED = 1 << 14
command.Bar.show = lambda *_: os.truncate("pred.npy", 4096)
"""
    argv = "eval", "pred.npy", "target.npy", *HUBER, "--grad-out", "grad.npy"
    assert run_command(*argv, before=cutting, cwd=folder).returncode == -signal.SIGBUS
    assert listing(folder).keys() == before


@pytest.fixture
def shown(evaluate, monkeypatch):
    """Run the command with a terminal as stderr; return what appears there."""

    def run(*options):
        ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (24, 80))
        text = ""
        with os.fdopen(theirs, "w") as stderr, monkeypatch.context() as patch:
            patch.setattr(sys, "stderr", stderr)
            assert evaluate("--grad-out", "grad.npy", *options)[0] == 0
            print("END", end="", file=stderr, flush=True)
            while not text.endswith("END"):
                text += os.read(ours, 1 << 16).decode()
        os.close(ours)
        return text.removesuffix("END")

    return run


def test_long_work_shows_its_progress_on_a_terminal(shown, small_blocks, monkeypatch):
    np.save("pred", np.zeros(1 << 16, np.float32))
    np.save("target", np.zeros(1 << 16, np.float32))
    clock = count()  # each reading of the clock is one second later
    monkeypatch.setattr("tqdm.std.time", lambda: float(next(clock)))
    text = shown()
    assert all(f"{percent}%|" in text for percent in (25, 50, 75, 100))
    assert "\n" not in text
    assert text.endswith("\r")
    assert text.split("\r")[-2].strip() == ""


def test_short_work_shows_no_progress(shown):
    assert shown() == ""


def test_without_tqdm_there_is_no_progress_bar(shown, monkeypatch):
    monkeypatch.setattr(command, "DELAY", 0)
    assert shown() != ""
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert shown("--force") == ""


def test_without_a_terminal_there_is_no_progress_bar(evaluate, monkeypatch):
    monkeypatch.setattr(command, "DELAY", 0)
    assert evaluate("--grad-out", "grad.npy")[2] == ""


def test_every_pass_has_a_bar_of_its_own(monkeypatch):
    class Recorder:
        def __init__(self, total, **_):
            self.total, self.n, self.closed = total, 0, False
            bars.append(self)

        def update(self, more):
            self.n += more

        def close(self):
            self.closed = True

    bars = []
    bar = command.Bar()
    bar.new = Recorder
    for done, size in [(5, 9), (9, 9), (9, 9), (2, 4), (4, 4)]:
        bar.show(done, size)
    bar.close()
    assert [(each.n, each.total, each.closed) for each in bars] == [(9, 9, True), (9, 9, True), (4, 4, True)]
