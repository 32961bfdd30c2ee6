"""Dask arrays on a cluster of two worker processes, one of which is killed."""

import os
import signal
import time

import dask.array as da
import numpy as np
import pytest
from distributed import Client, LocalCluster

from fastloss import huber
from fastloss._formula.sum import CHUNK

BLOCKS, SIZE = 24, 4 * CHUNK


def made(seed, place):
    return np.random.default_rng([seed, place]).standard_normal(SIZE)


def make(seed, pause, block_info=None):
    """Make one block after a pause, during which its worker can be killed."""
    time.sleep(pause)
    return made(seed, block_info[None]["chunk-location"][0])


def lazy(seed, pause):
    return da.map_blocks(
        make,
        seed,
        pause,
        chunks=((SIZE,) * BLOCKS,),
        dtype=np.float64,
        meta=np.empty(0),
        name=f"{seed}-{pause}",
    )


def calls(pause):
    pred, target, weight = lazy(1, pause), lazy(2, 0), abs(lazy(3, 0))
    value, grad = huber.value_and_grad(pred, target, weight=weight)
    return [value, da.stack([block.sum() for block in grad.blocks])]


@pytest.fixture(scope="module")
def client():
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with LocalCluster(**options, silence_logs=50) as cluster, Client(cluster) as client:
        yield client


def test_a_worker_that_dies_changes_no_bit(client):
    pred, target, weight = (np.concatenate([made(seed, k) for k in range(BLOCKS)]) for seed in (1, 2, 3))
    expected, grad = huber.value_and_grad(pred, target, weight=np.abs(weight))
    sums = grad.reshape(BLOCKS, SIZE).sum(1)
    value, found = client.compute(calls(0.0), sync=True)
    assert value == expected
    np.testing.assert_array_equal(found, sums)
    workers = client.run(os.getpid)
    futures = client.compute(calls(0.2))
    time.sleep(0.2 * BLOCKS / 4)
    assert not any(future.done() for future in futures)
    os.kill(min(workers.values()), signal.SIGKILL)
    value, found = client.gather(futures)
    assert value == expected
    np.testing.assert_array_equal(found, sums)
    client.wait_for_workers(2, timeout=60)
    assert set(client.run(os.getpid).values()) != set(workers.values())
