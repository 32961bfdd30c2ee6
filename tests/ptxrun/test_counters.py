"""Counters of a launch, and static reports on PTX."""

import numpy as np
import pytest
from numba import cuda

from tests import ptxrun

from . import ptxas
from .kernels import (
    BLOCK,
    F4,
    HUBER_TYPES,
    WARPS,
    add,
    add_by_fours,
    compiled,
    each_device,
    huber_atomic,
    huber_shuffles,
    normal,
)


@each_device
def test_each_element_moves_once(cc):
    a, b, out = normal(1000), normal(1000, 1), np.zeros(1000, "f4")
    for kernel, accesses in ((add, {4: 2000}), (add_by_fours, {16: 500})):
        run = compiled(kernel, (F4,) * 3, cc)
        stats = run[4, 64](a, b, out, stats=True)
        assert np.array_equal(out, a + b)
        assert stats is run.stats and stats.loads.accesses == accesses
        assert (stats.loads.bytes + stats.stores.bytes) / out.size == 12.0
        assert stats.loads.sectors == stats.loads.ideal_sectors == 250
        assert stats.stores.sectors == stats.stores.ideal_sectors == 125
        assert stats.atomics.count == 0
    assert compiled(add, (F4,) * 3, cc)[4, 64](a, b, out) is None


def test_uncoalesced_access_is_counted():
    def strided(a, out):
        i = cuda.grid(1)
        out[i] = a[2 * i]

    run, out = ptxrun.compile(strided, (F4, F4)), np.zeros(256, "f4")
    stats = run[1, 256](normal(512), out, stats=True)
    assert stats.loads.sectors == 2 * stats.loads.ideal_sectors == 64
    shifted, whole = normal(257)[1:], normal(256)
    stats = compiled(add, (F4,) * 3)[1, 256](shifted, whole, out, stats=True)
    assert stats.loads.sectors == stats.loads.ideal_sectors + 8  # one more for each warp that reads `shifted`


def test_counts_of_instructions_and_atomics():
    run, n = compiled(huber_atomic, HUBER_TYPES), 500
    stats = run[2, BLOCK](normal(n), normal(n, 1), np.zeros(n, "f4"), np.zeros(1), np.float32(1), stats=True)
    assert stats.executed["sub.f32"] == n and stats.atomics.accesses == {8: n}
    assert stats.instructions == sum(stats.executed.values())


@each_device
def test_instruction_report(cc):
    opcodes = ptxrun.instructions(compiled(add_by_fours, (F4,) * 3, cc).ptx)
    assert sum(n for op, n in opcodes.items() if op.startswith("ld.global.v4")) == 2
    assert not any("f64" in op or op.startswith("fma") for op in opcodes)


def test_resources():
    found = ptxrun.resources(compiled(huber_shuffles, HUBER_TYPES).ptx)
    if found is None:
        pytest.skip("no ptxas that knows this PTX version")
    assert (found.spill_stores, found.spill_loads, found.shared) == (0, 0, 8 * WARPS)
    assert 10 < found.registers < 64


def test_resources_without_ptxas(monkeypatch):
    monkeypatch.setattr(ptxas.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "")
    assert ptxrun.resources(compiled(add, (F4,) * 3).ptx) is None
