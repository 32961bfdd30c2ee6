"""Dask arrays: beside the same formula in dask.array's operators, and blocks a second with 1 and 2 workers.

    python -m benchmarks.dask

Needs the extra ``dask``. The operators run in turn with fastloss, on arrays in memory, in threads. Workers
of the clusters, processes of one thread, hold their blocks in memory as well: predictions beside targets.
"""

from collections.abc import Callable
from itertools import count
from typing import Any

import numpy as np

from benchmarks.pairs import Timings
from fastloss import huber

BLOCK = 1 << 23
BLOCKS, ROUNDS = 16, 7


def inputs(blocks: int, block: int) -> tuple[Any, Any]:
    """Predictions and targets in float32, not computed yet; a worker has the target of its predictions."""
    import dask.array as da

    pred = da.random.default_rng(0).standard_normal(blocks * block, chunks=block, dtype=np.float32)
    return pred, pred * np.float32(0.5)


def operators(pred: Any, target: Any, delta: float = 1.0) -> tuple[Any, Any]:
    """Value and gradient as dask.array's operators have them."""
    import dask.array as da

    error = pred - target
    size = abs(error)
    value = da.where(size <= delta, error**2 / 2, delta * (size - delta / 2)).mean(dtype=np.float64)
    return value, da.clip(error, -delta, delta) / error.size


def beside_operators(blocks: int = BLOCKS, block: int = BLOCK, rounds: int = ROUNDS) -> float:
    """How many times as fast as the operators value and gradient are, both kept in memory."""
    import dask

    with dask.config.set(scheduler="threads"):
        pred, target = dask.persist(*inputs(blocks, block))
        contenders: dict[str, Callable[[], Any]] = {
            "fastloss": lambda: dask.persist(*huber.value_and_grad(pred, target)),
            "operators": lambda: dask.persist(*operators(pred, target)),
        }
        return Timings(contenders, rounds).speed("fastloss", "operators")


def blocks_a_second(workers: int, blocks: int = BLOCKS, block: int = BLOCK, rounds: int = ROUNDS) -> float:
    """How many blocks a cluster computes, with value and gradient."""
    from distributed import Client, LocalCluster, wait

    options: dict[str, Any] = {"threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with LocalCluster(n_workers=workers, silence_logs=50, **options) as cluster, Client(cluster) as client:
        pred, target = client.persist(inputs(blocks, block))
        wait([pred, target])
        calls = count(1)

        def run() -> None:  # with another delta each time, or Dask would return what it has computed
            wait(client.persist(huber.value_and_grad(pred, target, delta=1 + next(calls) / 1000)))

        return blocks / Timings({"fastloss": run}, rounds).median("fastloss")


def main() -> None:
    print(f"{BLOCKS} blocks of {BLOCK} elements in float32, huber's value and gradient")
    print(f"in threads, against dask.array's operators: {beside_operators():.1f} x as fast")
    one, two = blocks_a_second(1), blocks_a_second(2)
    print(f"blocks a second: {one:.0f} with 1 worker, {two:.0f} with 2, {two / one:.2f} x")


if __name__ == "__main__":
    main()
