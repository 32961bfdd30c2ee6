"""The calls that the asv suite measures: chosen points, not every combination.

A point names a device, a loss, a type, a size, a call and a variant. Most points on the CPU differ in one of
these from the value and gradient of `huber` for 10^7 float32. Every loss has a point, so that a new loss is
measured without a change here.
"""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

import fastloss
from benchmarks.pairs import Call
from fastloss._definition.drawing import drawn
from fastloss.losses import shipped

Array = np.ndarray[Any, Any]

SIZES = {"1e3": 10**3, "1e4": 10**4, "1e5": 10**5, "1e7": 10**7, "2^26": 1 << 26}
CALLS = {"value": 0, "grad": 1, "value_and_grad": 1, "grad_and_hess": 2}  # how many arrays each writes
VARIANTS = ("plain", "weighted", "masked", "strided")
LARGEST = 1 << 26  # the tests use less


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


# The points that `benchmarks.regressions` compares: the overhead of a call; kernels in a second-level cache,
# whose speed depends on arithmetic but not on other processes; copies in blocks; and threads with memory.
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
    """All points, each once."""
    found = [Point(loss=name) for name in shipped()]
    found += [Point(dtype="float64"), *(Point(size=size) for size in SIZES)]
    found += [Point(size=size, call="value") for size in ("1e3", "2^26")]
    found += [Point(call=call) for call in CALLS]
    found += [Point(variant=variant) for variant in VARIANTS]
    found += WATCHED
    found += [Point("cuda", loss=name, size="2^26") for name in shipped()]
    return list(dict.fromkeys(found))


class Device(NamedTuple):
    """How to copy arrays to a device, and how to wait for it."""

    place: Callable[[Array], Any]
    wait: Callable[[], None]


def device(name: str) -> Device:
    """Find a device; raise NotImplementedError, which asv shows as n/a, if it is missing."""
    if name == "cpu":
        return Device(lambda x: x, lambda: None)
    if find_spec("numba_cuda") is not None:
        from numba import cuda

        if cuda.is_available():
            return Device(cuda.to_device, cuda.synchronize)
    raise NotImplementedError("no CUDA device")


def subjects() -> list[str]:
    """Each loss on each device, as "cpu huber"."""
    return [f"{place} {name}" for place in ("cpu", "cuda") for name in shipped()]


class Work(NamedTuple):
    """A call to measure, and the bytes that it must read and write."""

    run: Call
    size: int


def prepare(point: Point) -> Work:
    """Make the arrays of a point on its device, and the call."""
    place, wait = device(point.device)
    count = min(SIZES[point.size], LARGEST)
    step = 2 if point.variant == "strided" else 1
    rng = np.random.default_rng(0)
    dtype = np.dtype(point.dtype)
    operands = drawn(fastloss.get(point.loss), rng, count * step, dtype)
    pred, target = (place(x[::step]) for x in operands)
    options: dict[str, Any] = {"reduction": "sum"}
    size = count * dtype.itemsize * (2 + CALLS[point.call])
    if point.variant == "weighted":
        options["weight"] = place(rng.random(count, dtype=dtype.type))
        size += count * dtype.itemsize
    if point.variant == "masked":
        options["where"] = place(rng.random(count) < 0.8)
        size += count
    names = ("grad_out", "hess_out")[: CALLS[point.call]]
    options |= {name: place(np.empty(count, dtype)) for name in names}
    call = _call(point)

    def run() -> None:
        call(pred, target, **options)
        wait()

    return Work(run, size)


def _call(point: Point) -> Callable[..., Any]:
    loss = fastloss.get(point.loss)
    call: Callable[..., Any] = loss if point.call == "value" else getattr(loss, point.call)
    return call
