"""Measurements on a GPU: ``python -m benchmarks.gpu``. They take minutes, and 4 GB of device memory.

Are the bits those of the CPU? How near to the speed of memory is a call? What does it cost the host, does it
wait or allocate, and can a graph capture it? PyTorch and CuPy are compared where they are installed.
"""

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple
from unittest import mock

import numba
import numpy as np
from numba import cuda
from numpy.typing import ArrayLike

import fastloss
from benchmarks.goals import Figure, ratio
from benchmarks.gpu_peers import PEERS, fastloss_huber
from benchmarks.pairs import Call
from fastloss._definition.drawing import drawn
from fastloss.losses import shipped

if find_spec("numba_cuda"):  # asv imports every file in this folder
    from cuda.bindings import driver

    from fastloss._cuda import direct as _cuda_direct
    from fastloss._cuda import launch as _cuda_launch

Array = np.ndarray[Any, Any]
Milliseconds = dict[str, list[float]]  # of each contender, round by round

LARGE = 1 << 28
SMALL = 1000
GRID = (97, 1003)  # several chunks, rows and a tail


class Case(NamedTuple):
    """A call on NumPy arrays."""

    what: str
    loss: fastloss.Loss
    operands: tuple[Array, Array]
    options: dict[str, Any]


def cases() -> Iterator[Case]:
    """Yield calls of every loss, type, layout and keyword."""
    rng = np.random.default_rng(0)
    weight, mask, rows = rng.random(GRID, np.float32), rng.random(GRID) < 0.7, rng.random((GRID[0], 1))
    options: dict[str, dict[str, Any]] = {
        "mean": {},
        "sum": {"reduction": "sum"},
        "none": {"reduction": "none"},
        "normalizer": {"normalizer": 3.7},
        "weight": {"weight": weight},
        "weight of rows": {"weight": rows},
        "mask": {"where": mask},
        "weight and mask, sum": {"weight": weight, "where": mask, "reduction": "sum"},
    }
    few = "mean", "weight and mask, sum"
    for name, loss in shipped().items():
        for dtype in (np.float16, np.float32, np.float64):
            pred, target = drawn(loss, rng, GRID, dtype)
            layouts = {"plain": pred}
            if name == "huber":
                layouts |= {"every other": np.repeat(pred, 2, 1)[:, ::2], "Fortran": np.asfortranarray(pred)}
            for layout, x in layouts.items():
                every = name == "huber" and layout == "plain"
                for given in options if every else few:
                    what = f"{name}, {dtype.__name__}, {layout}, {given}"
                    yield Case(what, loss, (x, target), options[given])


def there(x: Any) -> Any:
    """Copy an array to the device in the same layout; return anything else as it is."""
    if not isinstance(x, np.ndarray):
        return x
    whole = x if x.flags.forc else x.base  # all layouts above are views of a whole array
    moved = cuda.to_device(whole)
    return moved if whole is x else moved[:, ::2]


def correctness() -> list[Figure]:
    """Compare the cases with the CPU, bit for bit."""
    wrong, count = list[str](), 0
    for name, loss, operands, options in cases():
        count += 1
        expected = loss.value_grad_hess(*operands, **options)
        found = loss.value_grad_hess(*map(there, operands), **{key: there(x) for key, x in options.items()})
        pairs = zip(expected, found, strict=True)
        if any(bits(ours) != bits(x.copy_to_host()) for ours, x in pairs):
            wrong.append(name)
    for name in wrong:
        print(f"other bits than the CPU's: {name}", file=sys.stderr)
    return [Figure(f"calls with the CPU's bits, of {count}", str(count - len(wrong)), str(count), not wrong)]


def bits(numbers: ArrayLike) -> bytes:
    """The bytes of numbers, with every NaN replaced by one: the device has another NaN."""
    return np.where(np.isnan(numbers), np.nan, numbers).tobytes()


def times(contenders: dict[str, Call], rounds: int = 20, repeat: int = 10) -> Milliseconds:
    """The milliseconds of each contender on the device, round by round. They run in turn."""
    found: Milliseconds = {name: [] for name in contenders}
    for call in contenders.values():
        call()
    for _ in range(rounds):
        for name, call in contenders.items():
            start, end = cuda.event(), cuda.event()
            start.record()
            for _ in range(repeat):
                call()
            end.record()
            end.synchronize()
            found[name].append(cuda.event_elapsed_time(start, end) / repeat)
    return found


def speed(found: Milliseconds, name: str, yardstick: str) -> float:
    """How many times as fast as the yardstick: the median of the rounds' ratios."""
    return median(theirs / ours for ours, theirs in zip(found[name], found[yardstick], strict=True))


def bandwidth(size: int = LARGE) -> list[Figure]:
    """Bytes a second relative to a copy on the device, which reads four bytes and writes four per element."""
    pred, target, out, weight = (cuda.to_device(np.ones(size, np.float32)) for _ in range(4))
    mask = cuda.to_device(np.ones(size, bool))
    calls: dict[str, tuple[float, Call]] = {
        "value and gradient": (12, lambda: fastloss.huber.value_and_grad(pred, target, grad_out=out)),
        "value": (8, lambda: fastloss.huber(pred, target)),
        "gradient": (12, lambda: fastloss.huber.grad(pred, target, grad_out=out)),
        "weighted sum": (
            16,
            lambda: fastloss.huber.value_and_grad(pred, target, weight=weight, reduction="sum", grad_out=out),
        ),
        "weighted mean": (
            20,
            lambda: fastloss.huber.value_and_grad(pred, target, weight=weight, grad_out=out),
        ),
        "masked mean": (14, lambda: fastloss.huber.value_and_grad(pred, target, where=mask, grad_out=out)),
    }
    found = times(
        {"copy": lambda: out.copy_to_device(pred)} | {name: call for name, (_, call) in calls.items()}
    )
    return [
        ratio(
            f"{size:,} float32, {name}: bytes a second against a copy",
            speed(found, name, "copy") * size_of / 8,
            0.92 if name == "value and gradient" else None,
        )
        for name, (size_of, _) in calls.items()
    ]


def host(size: int = SMALL, calls: int = 300) -> list[Figure]:
    """The time of a call on the host, which does not wait, its launches and the memory that it allocates."""
    pred, target, weight, out = (cuda.to_device(np.ones(size, np.float32)) for _ in range(4))
    value = cuda.device_array((), np.float64)
    outs = {"loss_out": value, "grad_out": out}
    figures = []
    for name, keywords, goal in (("mean", {}, 1), ("weighted mean", {"weight": weight}, 2)):

        def call(keywords: dict[str, Any] = keywords) -> None:
            fastloss.huber.value_and_grad(pred, target, **outs, **keywords)

        call()
        run = _cuda_launch.Launch.run
        with mock.patch.object(_cuda_launch.Launch, "run", autospec=True, side_effect=run) as launch:
            call()
        count = launch.call_count
        figures.append(Figure(f"{name}: launches a call", str(count), str(goal), count == goal))
        cuda.synchronize()
        free = cuda.current_context().get_memory_info().free
        whole = _microseconds(call, calls)
        cuda.synchronize()
        taken = free - cuda.current_context().get_memory_info().free
        with mock.patch.object(_cuda_direct, "start", _nothing):
            own = _microseconds(call, calls)
        figures.append(Figure(f"{name}: host time a call", f"{whole:.1f} us", "", True))
        what = f"{name}: host time a call, without the driver's part"
        figures.append(Figure(what, f"{own:.1f} us", f"<= {15 * goal} us", own <= 15 * goal))
        figures.append(Figure(f"{name}: bytes allocated by {calls} calls", str(taken), "0", taken == 0))
    return figures


def _nothing(*_: Any) -> None:
    """Stand in for a launch; a mock would take longer than one."""


def _microseconds(call: Call, calls: int) -> float:
    seconds = []
    for _ in range(calls):
        start = perf_counter()
        call()
        seconds.append(perf_counter() - start)
    return median(seconds) * 1e6


def capture(size: int = SMALL) -> list[Figure]:
    """Capture a call in a CUDA graph, which computes from what the arrays hold when it is launched."""
    stream: Any = cuda.stream()  # mypy takes it for the simulator's
    pred, target, weight = (cuda.to_device(np.ones(size, np.float32)) for _ in range(3))
    value, out = cuda.device_array((), np.float64), cuda.device_array(size, np.float32)

    def call() -> None:
        fastloss.huber.value_and_grad(
            pred, target, weight=weight, loss_out=value, grad_out=out, stream=stream
        )

    call()  # compiles and allocates
    stream.synchronize()
    handle = int(stream.handle)
    mode = driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
    _succeeded(driver.cuStreamBeginCapture(handle, mode))
    call()
    graph = _succeeded(driver.cuStreamEndCapture(handle))
    runnable = _succeeded(driver.cuGraphInstantiate(graph, 0))
    pred.copy_to_device(np.full(size, 4, np.float32))
    _succeeded(driver.cuGraphLaunch(runnable, handle))
    stream.synchronize()
    found = float(value.copy_to_host())
    return [Figure("mean error of 3 in a captured graph", f"{found:g}", "2.5", found == 2.5)]


def _succeeded(returned: tuple[Any, ...]) -> Any:
    status, *results = returned
    if int(status):
        raise RuntimeError(f"the CUDA driver returned {status!r}")
    return results[0] if results else None


def peers(sizes: tuple[int, ...] = (10**4, 10**6, 10**8)) -> list[Figure]:
    """PyTorch's forward and backward passes, and the usual lines of CuPy, on the same memory."""
    figures = []
    for size in sizes:
        rng = np.random.default_rng(0)
        pred, target = (cuda.to_device(rng.standard_normal(size, np.float32)) for _ in range(2))
        contenders = {"fastloss": fastloss_huber(pred, target)}
        contenders |= {name: make(pred, target) for name, make in PEERS.items() if find_spec(name)}
        ours, grad = (x.copy_to_host() for x in contenders["fastloss"]())
        for name in contenders.keys() - {"fastloss"}:
            theirs = contenders[name]()
            np.testing.assert_allclose(ours, float(theirs[0]), rtol=1e-4, err_msg=name)
            there = cuda.as_cuda_array(theirs[1]).copy_to_host()
            np.testing.assert_allclose(grad, there, rtol=1e-5, atol=1e-12, err_msg=name)
        found = times(contenders)
        figures += [
            ratio(f"{size:,} float32: against {name}", speed(found, "fastloss", name), None)
            for name in contenders
            if name != "fastloss"
        ]
    return figures + [
        Figure(f"against {name}", "not installed", "", True) for name in PEERS if not find_spec(name)
    ]


def main() -> int:
    if not find_spec("numba_cuda"):
        print("numba-cuda is not installed: pip install 'fastloss[cuda13]'", file=sys.stderr)
        return 2
    if not cuda.is_available():
        print("no CUDA device can be used:", " ".join(str(cuda.cuda_error()).split()), file=sys.stderr)
        return 2
    print("| huber on a GPU | measured | goal | reached |\n|---|---|---|---|")
    reached = True
    for part in (correctness, bandwidth, host, capture, peers):
        for figure in part():
            print(figure.row(), flush=True)
            reached &= figure.reached
    device = cuda.get_current_device()
    name = device.name.decode() if isinstance(device.name, bytes) else device.name
    print(f"\n{name}, fastloss {fastloss.__version__}, NumPy {np.__version__}, Numba {numba.__version__}")
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
