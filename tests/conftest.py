"""Fixtures that several test files use."""

import numpy as np
import pytest

from fastloss import huber, smooth_l1
from fastloss._cpu import contention as _crowd
from fastloss._cpu import launch as _launch
from fastloss._cpu import threads as _threads
from tests.subprocesses import answer, run_python


@pytest.fixture(autouse=True)
def undisturbed(monkeypatch):
    """Let large calls use threads, however busy this machine is."""
    monkeypatch.setattr(_crowd, "PATIENCE", float("inf"))


@pytest.fixture
def remembered():
    """Make valid calls of the same form first, so that remembered calls are seen not to skip the checks."""
    for x in (np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0], np.float32)):
        for loss in (huber, smooth_l1):
            loss(x, x)
            loss.grad(x, x)
            loss.grad_and_hess(x, x)
            for params in ({"delta": 1.0}, {"beta": 1.0}):
                if params.keys() == loss.domains.keys():
                    loss(x, x, **params)


@pytest.fixture
def use_threads(monkeypatch):
    """Return a function that lets calls, even of small arrays, use a number of threads."""

    def use(number):
        monkeypatch.setattr(_launch, "PARALLEL_FROM", 0)
        monkeypatch.setattr(_threads, "threads", lambda: number)

    return use


@pytest.fixture(params=["one thread", "three threads"])
def few_threads(request, use_threads):
    """Compute with one thread and with three, even small arrays."""
    if request.param != "one thread":
        use_threads(3)


@pytest.fixture
def empty_folder(tmp_path, monkeypatch):
    """Run in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def calls_of(monkeypatch):
    """Return a function that has the calls of a function recorded: it returns the list of their arguments."""

    def record(owner, name):
        found, function = [], getattr(owner, name)

        def recorded(*args, **options):
            found.append(args)
            return function(*args, **options)

        monkeypatch.setattr(owner, name, recorded)
        return found

    return record


@pytest.fixture
def ticking(monkeypatch):
    """Return a maker of calls that take a given number of seconds on a clock that nothing else moves."""
    time = [0.0]

    def tick(seconds):
        def call():
            time[0] += seconds

        return call

    monkeypatch.setattr("benchmarks.pairs.perf_counter", lambda: time[0])
    return tick


@pytest.fixture(scope="session")
def parallel():
    """Skip a test if fastloss cannot start threads here."""
    code = "import json, numba; numba.get_num_threads(); print(json.dumps(numba.threading_layer()))"
    if answer(run_python(code)) == "workqueue":
        pytest.skip("Numba has only the threading layer workqueue, with which fastloss runs serial kernels")
