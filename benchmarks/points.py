"""The calls that the asv suite measures: chosen points, not every combination.

A point names a device, a loss, a type, a size, a call and a variant. On the CPU the grid is one
axis at a time around `huber`'s value and gradient of 10^7 float32; each loss has one point of its
own, so a new loss is measured without a change here.
"""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

import fastloss
from fastloss.losses import shipped

Array = np.ndarray[Any, Any]

SIZES = {"1e3": 10**3, "1e4": 10**4, "1e5": 10**5, "1e7": 10**7, "2^26": 1 << 26}
CALLS = {"value": 0, "grad": 1, "value_and_grad": 1, "grad_and_hess": 2}  # and how many arrays each writes
VARIANTS = ("plain", "weighted", "masked", "strided")
LARGEST = 1 << 26  # the tests take less


class Point(NamedTuple):
    """One call to measure."""

    device: str = "cpu"
    loss: str = "huber"
    dtype: str = "float32"
    size: str = "1e7"
    call: str = "value_and_grad"
    variant: str = "plain"

    def __str__(self) -> str:
        return " ".join(self)


# What `benchmarks.regressions` compares: the cost of a call, kernels in the second cache, where arithmetic
# shows and other processes don't, copies in blocks, and from memory, with threads.
WATCHED = [
    Point(size="1e3"),
    Point(size="1e4", call="value"),
    Point(size="1e4"),
    Point(size="1e4", dtype="float64", call="grad_and_hess"),
    Point(size="1e4", variant="weighted"),
    Point(size="1e5", variant="strided"),
    Point(),
    Point(loss="absolute_error", call="grad"),
]


def points() -> list[Point]:
    """All of them, each once."""
    found = [Point(loss=name) for name in shipped()]
    found += [Point(dtype="float64"), *(Point(size=size) for size in SIZES)]
    found += [Point(size=size, call="value") for size in ("1e3", "2^26")]
    found += [Point(call=call) for call in CALLS]
    found += [Point(variant=variant) for variant in VARIANTS]
    found += WATCHED
    found += [Point("cuda", loss=name, size="2^26") for name in shipped()]
    return list(dict.fromkeys(found))


class Work(NamedTuple):
    """A point made ready: the call, and the bytes that it must read and write."""

    run: Callable[[], Any]
    size: int


def prepare(point: Point) -> Work:
    """Arrays and a call. NotImplementedError, which asv shows as n/a, where the device is missing."""
    if point.device == "cuda" and not _has_cuda():
        raise NotImplementedError("no CUDA device")
    count = min(SIZES[point.size], LARGEST)
    step = 2 if point.variant == "strided" else 1
    rng = np.random.default_rng(0)
    dtype = np.dtype(point.dtype)
    pred, target = (rng.standard_normal(count * step, dtype=dtype.type)[::step] for _ in range(2))
    options: dict[str, Any] = {"reduction": "sum"}
    size = count * dtype.itemsize * (2 + CALLS[point.call])
    if point.variant == "weighted":
        options["weight"] = rng.random(count, dtype=dtype.type)
        size += count * dtype.itemsize
    if point.variant == "masked":
        options["where"] = rng.random(count) < 0.8
        size += count
    names = ("grad_out", "hess_out")[: CALLS[point.call]]
    options |= {name: np.empty(count, dtype) for name in names}
    if point.device == "cuda":
        return _on_cuda(point, pred, target, options, size)
    call = _call(point)
    return Work(lambda: call(pred, target, **options), size)


def _call(point: Point) -> Callable[..., Any]:
    loss = fastloss.get(point.loss)
    call: Callable[..., Any] = loss if point.call == "value" else getattr(loss, point.call)
    return call


def _has_cuda() -> bool:
    if find_spec("numba_cuda") is None:
        return False
    from numba import cuda

    return bool(cuda.is_available())


def _on_cuda(point: Point, pred: Array, target: Array, options: dict[str, Any], size: int) -> Work:
    from numba import cuda

    call = _call(point)
    here = {name: cuda.to_device(x) if isinstance(x, np.ndarray) else x for name, x in options.items()}
    there = cuda.to_device(pred), cuda.to_device(target)

    def run() -> None:
        call(*there, **here)
        cuda.synchronize()

    return Work(run, size)
