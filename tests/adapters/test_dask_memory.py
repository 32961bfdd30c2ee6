"""Dask arrays larger than a cluster's memory: what its workers hold in memory and what they spill to disk."""

import resource

import dask
import dask.array as da
import numpy as np
import pytest
from distributed import Client, LocalCluster

from fastloss import huber

LIMIT, SIZE = 64 << 20, 1 << 18  # bytes of blocks that a worker may hold, elements of a block


def make(seed, block_info=None):
    """Make one block."""
    place = block_info[None]["chunk-location"][0]
    return np.random.default_rng([seed, place]).random(SIZE, np.float32)


def calls(blocks, arrays):
    """The value of two arrays, or of three with weights, and the largest element of the gradient."""
    chunks, meta = ((SIZE,) * blocks,), np.empty(0, np.float32)
    pred, target, *weight = (
        da.map_blocks(make, k, chunks=chunks, dtype=np.float32, meta=meta, name=f"input-{k}-{blocks}")
        for k in range(arrays)
    )
    value, grad = huber.value_and_grad(pred, target, weight=weight[0] if weight else None)
    return value, abs(grad).max()


def spilled(dask_worker):
    """The bytes that a worker has spilled to disk."""
    return dask_worker.data.cumulative_metrics["disk-write", "bytes"]


def peak():
    """The peak memory of this process in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.fixture(scope="module")
def cluster():
    """A client of two workers, and the memory that each used before: 250 MiB, which must not count."""
    of_processes = {f"distributed.worker.memory.{name}": False for name in ("spill", "pause", "terminate")}
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with (
        dask.config.set(of_processes),
        LocalCluster(**options, memory_limit=LIMIT, silence_logs=50) as workers,
        Client(workers) as client,
    ):
        client.compute([calls(4, 2), calls(4, 3)], sync=True)  # compiles, which takes memory
        yield client, client.run(peak)


# The denominator of a mean is computed from the weights first. They are a third of the inputs.
@pytest.mark.parametrize(("arrays", "allowed"), [(2, 0.0), (3, 0.5)], ids=["plain", "weighted"])
def test_inputs_of_three_times_the_memory_stream_through(arrays, allowed, cluster):
    (client, held), inputs = cluster, 3 * 2 * LIMIT
    written = sum(client.run(spilled).values())
    value, steepest = client.compute(calls(inputs // (4 * SIZE * arrays), arrays), sync=True)
    assert value == pytest.approx(1 / 12, rel=1e-3)
    assert 0 < steepest < 1 / SIZE
    assert sum(client.run(spilled).values()) - written <= allowed * inputs
    assert all(most < held[worker] + LIMIT for worker, most in client.run(peak).items())
