"""Fit real data with a robust loss, then compare losses with NumPy."""

from collections.abc import Callable
from functools import partial
from importlib.resources import as_file, files
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

import fastloss
from fastloss import Loss, huber
from fastloss._cpu import threads as _threads
from fastloss._definition.drawing import drawn
from fastloss.commands import CommandError, plotting

Array = np.ndarray[Any, Any]
Formula = Callable[..., tuple[Array, Array]]

DELTA = 5.0  # minutes
RUNS = 5
# Both sides round at every step; the NumPy mean is summed in float32.
TOLERANCE = 1e-6
BYTES = 12  # per element: pred and target are read and the gradient is written, each in float32


class Fit(NamedTuple):
    """A straight line through data, its mean Huber loss, and the work it took to find it."""

    intercept: float
    slope: float
    mean_loss: float
    steps: int = 0
    evaluations: int = 0


class Row(NamedTuple):
    """One loss in the comparison."""

    value: float
    norm: float
    seconds: float
    numpy_seconds: float
    difference: float


def run(size: int, plot: str | None, force: bool) -> int:
    """Print the fit and the comparison; return 1 if a result is not equal to NumPy's."""
    with as_file(files("fastloss") / "data" / "flights.npz") as path:
        draw = None
        if plot is not None:  # checked before any work is done
            plotting("plot").check(plot, [str(path)], force)
            draw = partial(plotting("plot_flights").draw, plot)
        dep, arr = _flights(path)
    robust, ordinary = _report_fit(dep, arr)
    status = _report_losses(size)
    if draw is not None:
        draw(dep, arr, {"Huber": robust[:2], "Least squares": ordinary[:2]}, DELTA)
        print(f"\ndrawn to {plot}")
    return status


def _flights(path: Path) -> tuple[Array, Array]:
    """Departure and arrival delays in minutes."""
    with np.load(path) as flights:
        return flights["dep"].astype(np.float64), flights["arr"].astype(np.float64)


def _report_fit(dep: Array, arr: Array) -> tuple[Fit, Fit]:
    fit_line(dep, arr, DELTA)  # compiles the kernel
    start = perf_counter()
    robust = fit_line(dep, arr, DELTA)
    seconds = perf_counter() - start
    intercept, slope = _least_squares(dep, arr)
    ordinary = Fit(intercept, slope, huber(intercept + slope * dep, arr, delta=DELTA))
    print(f"Arrival delay fitted on departure delay, minutes: {dep.size:,} flights, New York 2013")
    print(f"\n{'':22}{'intercept':>12}{'slope':>12}{'mean Huber loss':>18}")
    for name, fit in {f"Huber, delta = {DELTA:g}": robust, "least squares": ordinary}.items():
        print(f"{name:22}{fit.intercept:12.5f}{fit.slope:12.6f}{fit.mean_loss:18.6f}")
    print(
        f"\nHuber took {robust.steps} Newton steps in {1e3 * seconds:.0f} ms, with {robust.evaluations} "
        "evaluations of loss,\ngradient and second derivative together."
    )
    return robust, ordinary


def fit_line(x: Array, y: Array, delta: float) -> Fit:
    """Fit ``y`` by ``intercept + slope * x`` with the least mean Huber loss.

    Newton's method from the least-squares line; a step that does not lower the loss enough
    is halved (Armijo's rule).
    """
    pred, grad, hess = np.empty_like(y), np.empty_like(y), np.empty_like(y)

    # Sums, not matrix products: BLAS's threads go on spinning on the cores that fastloss needs
    # (on two cores the next launch took 4 ms instead of 0.2).
    def evaluate(line: Array) -> tuple[float, Array, Array]:
        np.add(line[0], line[1] * x, out=pred)
        value, _, _ = huber.value_grad_hess(pred, y, delta=delta, grad_out=grad, hess_out=hess)
        gradient = np.array([grad.sum(), (grad * x).sum()])
        mixed = (hess * x).sum()
        return value, gradient, np.array([[hess.sum(), mixed], [mixed, (hess * x * x).sum()]])

    # A small part of the largest possible curvature keeps steps finite where few errors are within delta.
    most = np.array([[1.0, x.mean()], [x.mean(), np.square(x).mean()]])
    line = np.array(_least_squares(x, y))
    value, gradient, curvature = evaluate(line)
    evaluations = 1
    for steps in range(50):
        step = -np.linalg.solve(curvature + 1e-3 * most, gradient)
        decrease = -float(gradient @ step)
        if abs(decrease) <= 1e-14 * value:
            return Fit(float(line[0]), float(line[1]), value, steps, evaluations)
        for length in 0.5 ** np.arange(40):
            trial = evaluate(line + length * step)
            evaluations += 1
            if trial[0] <= value - 1e-4 * length * decrease:
                break
        line = line + length * step
        value, gradient, curvature = trial
    raise CommandError("the Huber fit did not converge")


def _least_squares(x: Array, y: Array) -> tuple[float, float]:
    """Intercept and slope."""
    centred = x - x.mean()
    slope = (centred * y).sum() / (centred * centred).sum()
    return float(y.mean() - slope * x.mean()), float(slope)


def _report_losses(size: int) -> int:
    """Print a line for each loss of `FORMULAS`; return 1 if one is not equal to NumPy's."""
    width = 1 + max(map(len, FORMULAS))
    print(
        f"\n\nLosses with their gradients, mean of {size:,} float32 elements\n"
        f"fastloss {fastloss.__version__} on up to {_threads.threads()} threads, NumPy {np.__version__}; "
        f"medians of {RUNS} alternating runs;\nGB/s counts what must be moved: two reads and one write\n\n"
        f"{'':{width}}{'value':>10}{'|gradient|':>12}{'fastloss':>12}{'':11}{'NumPy':>13}{'ratio':>10}{'difference':>13}"
    )
    differences, operands = {}, None
    for name, formula in FORMULAS.items():
        loss = fastloss.get(name)
        if loss.operands != operands:
            operands = loss.operands
            pred, target = drawn(loss, np.random.default_rng(2013), size, np.float32)
        row = _compare(loss, formula, pred, target)
        print(f"{name:{width}}{_line(row, size)}", flush=True)
        differences[name] = row.difference
    unequal = [name for name, difference in differences.items() if not difference <= TOLERANCE]
    print(
        f"\nequal to NumPy: {'NO, not ' + ', '.join(unequal) if unequal else 'yes'}; value and each gradient "
        f"element of {len(differences)} losses,\nlargest relative difference "
        f"{np.max(list(differences.values()), initial=0):.1e}, tolerance {TOLERANCE:.0e}"
    )
    return 1 if unequal else 0


def _line(row: Row, size: int) -> str:
    line = f"{row.value:10.6f}{row.norm:12.3e}"
    line += f"{1e3 * row.seconds:9.3g} ms{size * BYTES / row.seconds / 1e9:6.1f} GB/s"
    ratio = row.numpy_seconds / row.seconds
    return line + f"{1e3 * row.numpy_seconds:10.3g} ms{ratio:8.1f} x{row.difference:13.1e}"


def _compare(loss: Loss, formula: Formula, pred: Array, target: Array) -> Row:
    """Time a loss and its gradient, alternating with the same in NumPy; compare the results."""
    grad = np.empty_like(pred)
    params: dict[str, Any] = {name: domain.default for name, domain in loss.domains.items()}

    def fused() -> None:
        loss.value_and_grad(pred, target, grad_out=grad, **params)

    value, _ = loss.value_and_grad(pred, target, grad_out=grad, **params)  # compiles the kernel
    norm = float(np.sqrt(np.square(grad, dtype=np.float64).sum()))

    def usual() -> tuple[Any, Array]:
        losses, slopes = formula(pred, target, **params)
        return losses.mean(), slopes / pred.size

    numpy_value, numpy_grad = usual()
    difference = np.maximum(_difference(value, numpy_value), _difference(grad, numpy_grad))
    times = [(_seconds(fused), _seconds(usual)) for _ in range(RUNS)]
    seconds, numpy_seconds = (median(column) for column in zip(*times, strict=True))
    return Row(value, norm, seconds, numpy_seconds, float(difference))


def _seconds(call: Callable[[], Any]) -> float:
    start = perf_counter()
    call()
    return perf_counter() - start


def _difference(ours: Any, theirs: Any) -> Any:
    """The largest relative difference of two results; NaN if it is undefined."""
    gap = np.subtract(ours, theirs, dtype=np.float64)
    size = np.maximum(np.abs(theirs), np.finfo(np.float32).tiny)
    return np.max(np.divide(np.abs(gap), size))


def _absolute_error(pred: Array, target: Array) -> tuple[Array, Array]:
    error = pred - target
    return np.abs(error), np.sign(error)


def _squared_error(pred: Array, target: Array) -> tuple[Array, Array]:
    error = pred - target
    return error**2, 2 * error


def _half_squared_error(pred: Array, target: Array) -> tuple[Array, Array]:
    error = pred - target
    return error**2 / 2, error


def _smooth_l1(pred: Array, target: Array, beta: float) -> tuple[Array, Array]:
    error = pred - target
    size = np.abs(error)
    near = size < beta
    losses = np.where(near, error**2 / (2 * beta), size - beta / 2)
    return losses, np.where(near, error / beta, np.sign(error))


def _huber(pred: Array, target: Array, delta: float) -> tuple[Array, Array]:
    error = pred - target
    size = np.abs(error)
    near = size <= delta
    losses = np.where(near, error**2 / 2, delta * (size - delta / 2))
    return losses, np.where(near, error, delta * np.sign(error))


#: The usual NumPy formulas: losses and gradients of pred and target, written without fastloss.
FORMULAS: dict[str, Formula] = {
    "absolute_error": _absolute_error,
    "squared_error": _squared_error,
    "half_squared_error": _half_squared_error,
    "smooth_l1": _smooth_l1,
    "huber": _huber,
}
