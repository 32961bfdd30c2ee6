"""Every benchmark of the asv suite runs at a tiny size, and every loss has one."""

import inspect
import json
import re
import subprocess
import sys
from importlib import import_module
from itertools import cycle, product, repeat
from pathlib import Path

import numpy as np
import pytest

from benchmarks import memory, overhead, pairs, points, scaling, throughput
from fastloss.losses import shipped
from tests.reference import different_in_kind

ROOT = Path(__file__).parent.parent
SUITES = ("memory", "overhead", "scaling", "throughput")
BENCHMARK = re.compile(r"(time|track|peakmem|timeraw)_")


def benchmarks():
    """Yield the benchmarks that asv finds, with each parameter: class or None, function, parameters."""
    for suite in SUITES:
        for name, member in vars(import_module(f"benchmarks.{suite}")).items():
            if inspect.isclass(member) and member.__module__ == f"benchmarks.{suite}":
                for method in filter(BENCHMARK.match, dir(member)):
                    for parameters in filter(is_affordable, product(*axes_of(member))):
                        label = f"{name}.{method} {' '.join(map(str, parameters))}"
                        yield pytest.param(member, method, parameters, id=label)
            elif BENCHMARK.match(name):
                yield pytest.param(None, member, (), id=name)


def is_affordable(parameters):
    """Whether they name no loss, or one of `different_in_kind`: each loss compiles several kernels."""
    named = {word for parameter in parameters for word in str(parameter).split()} & shipped().keys()
    return named <= set(different_in_kind())


def axes_of(suite):
    """The parameters of a class of benchmarks, as a tuple of lists: asv also takes a single list."""
    params = getattr(suite, "params", ())
    return params if isinstance(params, tuple) else (params,)


@pytest.mark.parametrize(("suite", "benchmark", "parameters"), list(benchmarks()))
def test_every_benchmark_runs(suite, benchmark, parameters, monkeypatch):
    monkeypatch.setattr(points, "LARGEST", 1000)
    monkeypatch.setattr(memory, "COUNT", 1000)
    monkeypatch.setattr(scaling, "COUNT", 1000)
    monkeypatch.setattr(scaling, "LARGEST", 1000)
    if suite is None:
        subprocess.run([sys.executable, "-c", benchmark()], check=True)
        return
    instance = suite()
    instance.samples = instance.processes = 1
    try:
        instance.setup(*parameters)
    except NotImplementedError as error:
        pytest.skip(str(error))
    try:
        result = getattr(instance, benchmark)(*parameters)
        if benchmark.startswith("track_"):
            assert result > 0
            assert instance.unit
    finally:
        getattr(instance, "teardown", lambda *_: None)(*parameters)


@pytest.mark.parametrize("suite", [overhead.SmallCalls, memory.Memory, scaling.Threads, scaling.Sizes])
def test_every_loss_has_its_benchmark_of_each_kind(suite):
    losses = {str(parameter).split()[-1] for parameter in axes_of(suite)[-1]}
    assert losses == set(shipped())
    assert all(len(axis) > 0 for axis in axes_of(suite))


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
    assert len(found) - 2 * len(shipped()) < 20


def test_asv_is_told_of_the_folder():
    settings = json.loads((ROOT / "asv.conf.json").read_text())
    assert (ROOT / settings["benchmark_dir"] / "throughput.py").exists()
    assert settings["environment_type"] == "virtualenv"
    assert settings["launch_method"] == "spawn"  # a forked process would run serial kernels


class Clock:
    """A clock that only calls move."""

    def __init__(self, monkeypatch):
        self.time, self.calls = 0.0, 0
        monkeypatch.setattr(pairs, "perf_counter", lambda: self.time)

    def call(self, seconds):
        def run():
            self.time += next(seconds)
            self.calls += 1

        return run


def test_timings_are_medians_of_rounds(monkeypatch):
    clock = Clock(monkeypatch)
    fast, slow = clock.call(cycle([1, 1, 10, 1, 1])), clock.call(repeat(3))
    timings = pairs.Timings({"fast": fast, "slow": slow}, rounds=5)
    assert timings.median("fast") == 1
    assert timings.speed("fast", "slow") == 3
    assert timings.speed("slow", "fast") == 1 / 3
    assert clock.calls == 2 * (1 + 3 + 5)


def test_timings_are_seconds_a_call_whatever_the_number_of_calls(monkeypatch):
    clock = Clock(monkeypatch)
    timings = pairs.Timings({"call": clock.call(repeat(0.25))}, rounds=2, min_run_time=5)
    assert timings.seconds["call"] == [0.25, 0.25]
    assert clock.calls == 1 + 3 + 2 * 20


@pytest.mark.parametrize(
    ("point", "size"),
    [
        (points.Point(call="value"), 8),
        (points.Point(call="grad"), 12),
        (points.Point(), 12),
        (points.Point(call="grad_and_hess", dtype="float64"), 32),
        (points.Point(variant="weighted"), 16),
        (points.Point(variant="masked"), 13),
        (points.Point(variant="strided"), 12),
    ],
)
def test_points_are_prepared_as_they_say(point, size, monkeypatch):
    seen = {}
    monkeypatch.setattr(points, "_call", lambda _: lambda *args, **options: seen.update(options, args=args))
    work = points.prepare(point._replace(size="1e3"))
    work.run()
    assert work.size == 1000 * size
    step = 2 if point.variant == "strided" else 1
    for x in seen.pop("args"):
        assert (x.dtype, x.shape, x.strides) == (point.dtype, (1000,), (step * x.itemsize,))
    arrays = {name: x.dtype for name, x in seen.items() if isinstance(x, np.ndarray)}
    expected = {
        "grad_out": point.call != "value",
        "hess_out": "hess" in point.call,
        "weight": point.variant == "weighted",
        "where": point.variant == "masked",
    }
    assert set(arrays) == {name for name, given in expected.items() if given}
    assert all(dtype == (bool if name == "where" else point.dtype) for name, dtype in arrays.items())


def test_the_relative_speed_is_per_byte(monkeypatch):
    clock = Clock(monkeypatch)
    relative = throughput.Relative()
    relative.setup(str(points.Point(size="1e4", call="value")))  # 80,000 bytes beside the yardstick's 12,000
    relative.work = relative.work._replace(run=clock.call(repeat(4)))
    relative.yardstick = clock.call(repeat(0.3))
    assert relative.track_speed("") == pytest.approx(0.3 / 4 * 80 / 12)


@pytest.mark.parametrize(("threaded", "count"), [(1 << 22, throughput.FIRST_CACHE), (100, 80_000 // 12)])
def test_the_yardstick_runs_in_the_first_cache_or_from_memory(threaded, count, monkeypatch):
    monkeypatch.setattr(throughput.yardsticks, "THREADED", threaded)
    monkeypatch.setattr(throughput.yardsticks, "ceiling", lambda *arrays: [x.size for x in arrays])
    relative = throughput.Relative()
    relative.setup(str(points.Point(size="1e4", call="value")))
    assert relative.yardstick == [count] * 3
    assert relative.share == 12 * count / 80_000


def test_the_yardstick_subtracts():
    arrays = np.random.default_rng(0).random((2, 100), np.float32)
    for loop in (throughput.yardsticks.subtract, throughput.yardsticks.ceiling):
        out = np.empty(100, np.float32)
        result = loop(*arrays, out)
        if result is not None:
            result()
        np.testing.assert_array_equal(out, arrays[0] - arrays[1])


def test_a_point_on_a_device_is_placed_there_and_waited_for(monkeypatch):
    placed, waited = [], []
    there = points.Device(lambda x: placed.append(x.size) or x, lambda: waited.append(1))
    monkeypatch.setattr(points, "device", {"cuda": there}.__getitem__)
    points.prepare(points.Point("cuda", size="1e3", variant="weighted")).run()
    assert placed == [1000] * 4
    assert waited == [1]
