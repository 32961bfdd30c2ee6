"""Every benchmark of the asv suite runs, at tiny sizes, and every loss has one."""

import inspect
import json
import re
from importlib import import_module
from pathlib import Path

import pytest

from benchmarks import memory, points, scaling
from fastloss.losses import shipped

ROOT = Path(__file__).parent.parent
SUITES = ("memory", "overhead", "scaling", "throughput")
BENCHMARK = re.compile(r"(time|track|peakmem|timeraw)_")


def benchmarks():
    """Each benchmark with each of its parameters, as asv finds them: class or None, function, parameter."""
    for suite in SUITES:
        for name, member in vars(import_module(f"benchmarks.{suite}")).items():
            if inspect.isclass(member) and member.__module__ == f"benchmarks.{suite}":
                for method in filter(BENCHMARK.match, dir(member)):
                    for parameter in getattr(member, "params", [None]):
                        yield pytest.param(member, method, parameter, id=f"{name}.{method} {parameter}")
            elif BENCHMARK.match(name):
                yield pytest.param(None, member, None, id=name)


@pytest.mark.parametrize(("suite", "benchmark", "parameter"), list(benchmarks()))
def test_every_benchmark_runs(suite, benchmark, parameter, monkeypatch):
    monkeypatch.setattr(points, "LARGEST", 1000)
    monkeypatch.setattr(memory, "COUNT", 1000)
    monkeypatch.setattr(scaling, "COUNT", 1000)
    monkeypatch.setattr(scaling, "LARGEST", 1000)
    if suite is None:
        compile(benchmark(), "import", "exec")
        return
    instance, arguments = suite(), () if parameter is None else (parameter,)
    instance.samples = instance.processes = 1
    try:
        instance.setup(*arguments)
    except NotImplementedError as error:
        pytest.skip(str(error))
    try:
        result = getattr(instance, benchmark)(*arguments)
        if benchmark.startswith("track_"):
            assert result > 0
            assert getattr(instance, benchmark).unit
    finally:
        getattr(instance, "teardown", lambda *_: None)(*arguments)


def test_every_loss_has_its_point_on_every_device():
    for device in ("cpu", "cuda"):
        assert {point.loss for point in points.points() if point.device == device} == set(shipped())


def test_points_vary_every_axis():
    found = points.points()
    for axis in points.Point._fields:
        assert len({getattr(point, axis) for point in found}) > 1
    assert {point.size for point in found} == set(points.SIZES)
    assert {point.call for point in found} == set(points.CALLS)
    assert {point.variant for point in found} == set(points.VARIANTS)
    assert len(found) < 30


def test_asv_is_told_of_the_folder():
    settings = json.loads((ROOT / "asv.conf.json").read_text())
    assert (ROOT / settings["benchmark_dir"] / "throughput.py").exists()
    assert settings["environment_type"] == "virtualenv"
