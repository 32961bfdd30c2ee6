"""The benchmark of GPUs runs on the emulated device, with its clock and its graphs replaced."""

from time import perf_counter
from types import SimpleNamespace

import numpy as np
import pytest
from numba import cuda

from benchmarks import gpu


class Event:
    def record(self):
        self.time = perf_counter()

    def synchronize(self):
        pass


@pytest.fixture
def clock(emulated, monkeypatch):
    context = SimpleNamespace(get_memory_info=lambda: SimpleNamespace(free=1))
    monkeypatch.setattr(cuda, "event", Event)
    monkeypatch.setattr(cuda, "event_elapsed_time", lambda start, end: 1e3 * (end.time - start.time))
    monkeypatch.setattr(cuda, "current_context", lambda: context)
    return emulated


def test_every_figure_can_be_measured(clock, monkeypatch):
    some = list(gpu.cases())[::13]
    monkeypatch.setattr(gpu, "cases", lambda: some)
    (found,) = gpu.correctness()
    assert found.reached
    figures = gpu.bandwidth(1000) + gpu.host(1000, calls=3) + gpu.peers((1000,))
    assert len(figures) >= 14
    assert all(figure.what and figure.measured for figure in figures)
    assert [figure.measured for figure in figures if "launches" in figure.what] == ["1", "2"]


def test_other_bits_are_noticed(clock, monkeypatch, capsys):
    name, *case = next(gpu.cases())
    monkeypatch.setattr(gpu, "cases", lambda: [(name, *case)])
    assert gpu.correctness()[0].reached
    monkeypatch.setattr(gpu, "there", lambda x: cuda.to_device(np.nextafter(x, np.inf, dtype=x.dtype)))
    assert not gpu.correctness()[0].reached
    assert name in capsys.readouterr().err


def test_a_call_can_be_captured(clock, monkeypatch):
    asked = []

    def driver(name):
        return lambda *arguments: asked.append(name) or (0, None)

    for name in ("cuStreamBeginCapture", "cuStreamEndCapture", "cuGraphInstantiate", "cuGraphLaunch"):
        monkeypatch.setattr(gpu.driver, name, driver(name))
    (found,) = gpu.capture(100)
    assert [name[2:] for name in asked] == [
        "StreamBeginCapture",
        "StreamEndCapture",
        "GraphInstantiate",
        "GraphLaunch",
    ]
    assert not found.reached  # a captured call computes at once here, before the arrays change


@pytest.mark.skipif(cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so(capsys):
    assert gpu.main() == 2
    assert "no CUDA device can be used" in capsys.readouterr().err
