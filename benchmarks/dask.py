"""Dask arrays: fastloss against the same formula in dask.array's operators, and one worker against two.

    python -m benchmarks.dask

This needs the extra ``dask``. All blocks are in memory, and a worker holds the targets of its predictions.
The operators run in turn with fastloss, in threads. One worker of a cluster runs in turn with two, each of
which is a process with one thread. The scheduler and the client need a processor too, and other work may keep
the processors busy. The CPU time of the workers shows how many times as fast as one worker two would be if
each had a processor of its own.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.pairs import Call, Timings
from fastloss import Loss, general_robust, huber

if TYPE_CHECKING:  # asv imports every file in this folder
    import dask.array as da
    from distributed import Client

BLOCK = 1 << 25  # bytes
BLOCKS, ROUNDS = 16, 5


def inputs(blocks: int, block: int, dtype: type = np.float32, seed: int = 0) -> "tuple[da.Array, da.Array]":
    """Lazy predictions and targets; the targets are made from the predictions of the same block."""
    import dask.array as da

    size = block // np.dtype(dtype).itemsize
    pred = da.random.default_rng(seed).standard_normal(blocks * size, chunks=size, dtype=dtype)
    return pred, pred * dtype(0.5)


def operators(pred: "da.Array", target: "da.Array", delta: float = 1.0) -> "tuple[da.Array, da.Array]":
    """Value and gradient from dask.array's operators."""
    import dask.array as da

    error = pred - target
    size = abs(error)
    value = da.where(size <= delta, error**2 / 2, delta * (size - delta / 2)).mean(dtype=np.float64)
    return value, da.clip(error, -delta, delta) / error.size


def beside_operators(blocks: int, block: int, rounds: int) -> float:
    """How many times as fast as the operators fastloss is, with all results kept in memory."""
    import dask

    with dask.config.set(scheduler="threads"):
        pred, target = dask.persist(*inputs(blocks, block))
        contenders: dict[str, Call] = {
            "fastloss": lambda: dask.persist(*huber.value_and_grad(pred, target)),
            "operators": lambda: dask.persist(*operators(pred, target)),
        }
        return Timings(contenders, rounds).speed("fastloss", "operators")


@contextmanager
def two_workers() -> Iterator["Client"]:
    """Yield a client of a cluster of two processes with one thread each, also for Numba."""
    from distributed import Client, LocalCluster

    options: dict[str, Any] = {"threads_per_worker": 1, "processes": True, "dashboard_address": None}
    options |= {"env": {"NUMBA_NUM_THREADS": "1"}, "silence_logs": 50}
    with LocalCluster(n_workers=2, **options) as cluster, Client(cluster) as client:
        yield client


def scaling(client: "Client", loss: Loss, dtype: type, blocks: int, block: int, rounds: int) -> str:
    """Describe how much faster two workers are than one. Both have inputs of their own."""
    both = list(client.scheduler_info()["workers"])
    calls = [
        call_on(client, some, loss, inputs(blocks, block, dtype, seed=len(some))) for some in (both[:1], both)
    ]
    found = np.array([[seconds(client, call) for call in calls] for _ in range(rounds + 1)])
    found = found[1:] / blocks  # the first compiles
    (one, cost, _), (two, shared, ours) = np.median(found, axis=0)
    gain = np.median(found[:, 0, 0] / found[:, 1, 0])
    return (
        f"{1 / one:.0f} blocks a second with 1 worker, {1 / two:.0f} with 2: {gain:.2f} times as fast\n"
        f"    CPU time: {1e3 * cost:.1f} and {1e3 * shared:.1f} ms a block, so "
        f"{2 * cost / shared:.2f} times; {1e3 * ours:.1f} ms of scheduler and client"
    )


def call_on(client: "Client", workers: list[str], loss: Loss, lazy: "tuple[da.Array, da.Array]") -> Call:
    """Make a call that these workers compute from inputs that they hold."""
    from distributed import wait

    pred, target = client.persist(lazy, workers=workers)
    wait([pred, target])
    steps = count(1)

    def run() -> None:  # each time with another parameter, because Dask would return the old result
        given: dict[str, Any] = {list(loss.domains)[-1]: 1 + next(steps) / 1000}
        wait(client.persist(loss.value_and_grad(pred, target, **given), workers=workers))

    return run


def seconds(client: "Client", call: Call) -> tuple[float, float, float]:
    """The wall-clock seconds of a call, and the CPU seconds of the workers and of this process."""
    theirs, ours, start = sum(client.run(process_time).values()), process_time(), perf_counter()
    call()
    clock, ours = perf_counter() - start, process_time() - ours
    return clock, sum(client.run(process_time).values()) - theirs, ours


def main(blocks: int = BLOCKS, block: int = BLOCK, rounds: int = ROUNDS) -> None:
    """Print all comparisons."""
    print(f"{blocks} blocks of {block} bytes, value and gradient")
    fast = beside_operators(blocks, block, rounds)
    print(f"huber, float32, in threads: {fast:.1f} times as fast as dask.array's operators")
    with two_workers() as client:
        for loss, dtype, bound in (huber, np.float32, "memory"), (general_robust, np.float64, "arithmetic"):
            found = scaling(client, loss, dtype, blocks, block, rounds)
            print(f"{loss.name}, {dtype.__name__}, bound by {bound}: {found}")


if __name__ == "__main__":
    main()
