"""The benchmark of Dask arrays runs at a tiny size, and what it compares has equal results."""

import re

import dask
import numpy as np
from distributed import Client

from benchmarks import dask as benchmark
from fastloss import huber
from fastloss._dask import tasks

SPEEDS = r"\d+ blocks a second with 1 worker, \d+ with 2: \d+\.\d+ times as fast"
COSTS = (
    r"    CPU time: \d+\.\d and \d+\.\d ms a block, so \d+\.\d+ times; "
    r"\d+\.\d ms of scheduler and client"
)


def test_the_operators_compute_the_same():
    pred, target = benchmark.inputs(blocks=3, block=4000)
    assert (pred.numblocks, pred.dtype) == ((3,), np.float32)
    (value, grad), (ours, mine) = dask.compute(
        benchmark.operators(pred, target, 0.3), huber.value_and_grad(pred, target, delta=0.3)
    )
    np.testing.assert_allclose(ours, value, rtol=1e-6)
    np.testing.assert_allclose(mine, grad, rtol=1e-6)


def test_it_prints_speeds_and_costs(capsys):
    benchmark.main(blocks=2, block=4000, rounds=1)
    first, second, *scaling = capsys.readouterr().out.splitlines()
    assert first == "2 blocks of 4000 bytes, value and gradient"
    assert re.fullmatch(r"huber, .*: \d+\.\d times as fast as dask.array's operators", second)
    assert scaling
    for speeds, costs in zip(scaling[::2], scaling[1::2], strict=True):
        assert re.fullmatch(rf".*, bound by .*: {SPEEDS}", speeds)
        assert re.fullmatch(COSTS, costs)


def test_every_call_computes_every_block(calls_of, monkeypatch):
    computed, kept, persist = calls_of(tasks.Block, "__call__"), [], Client.persist
    # Keep every result: a call is not computed again while the client holds its result.
    monkeypatch.setattr(Client, "persist", lambda *args, **to: kept.append(persist(*args, **to)) or kept[-1])
    with Client(processes=False, n_workers=2, threads_per_worker=1, dashboard_address=None) as client:
        benchmark.scaling(client, huber, np.float32, blocks=3, block=4000, rounds=3)
    assert len(computed) == 3 * 2 * (3 + 1)
