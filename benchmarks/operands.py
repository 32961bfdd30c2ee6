"""The figures of weights, masks, array parameters, types and layouts: part of `benchmarks.report`."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import fastloss
from benchmarks import peers
from benchmarks.pairs import Timings

SIZE = 1 << 24
ROWS = SIZE // 4
SIDES = (1024, 16384)

value_and_grad = fastloss.huber.value_and_grad


class Case(NamedTuple):
    """A call, the bytes an element that it must move, and its goal against the plain call, per byte.

    A weight or an array parameter counts twice: it is checked before anything is written. So does
    the mask of a mean, whose elements are counted first.
    """

    size: float
    goal: float | None
    call: Callable[[], Any]


def cases() -> dict[str, Case]:
    rng = np.random.default_rng(0)
    pred, target = 2 * rng.standard_normal(SIZE, np.float32), rng.standard_normal(SIZE, np.float32)
    out = np.empty_like(pred)
    weight, mask, delta = rng.random(SIZE, np.float32), rng.random(SIZE) < 0.8, rng.random(SIZE, np.float32)
    delta += 0.5
    whole, wide = (100 * target).astype(np.int16), target.astype(np.float64)
    pairs = np.repeat(pred, 2), np.repeat(target, 2)
    table = [x.reshape(ROWS, 4) for x in (pred, target, out)]
    fortran = [x.reshape(-1, 1024).T for x in (pred, target, out)]
    rows = weight[:ROWS, None]
    return {
        "plain": Case(12, None, lambda: value_and_grad(pred, target, grad_out=out)),
        "weight, mean": Case(20, 0.9, lambda: value_and_grad(pred, target, weight=weight, grad_out=out)),
        "weight, sum": Case(
            20, 0.9, lambda: value_and_grad(pred, target, weight=weight, reduction="sum", grad_out=out)
        ),
        "mask, mean": Case(14, 0.75, lambda: value_and_grad(pred, target, where=mask, grad_out=out)),
        "delta of each element": Case(
            20, 0.6, lambda: value_and_grad(pred, target, delta=delta, grad_out=out)
        ),
        "int16 target": Case(10, 0.5, lambda: value_and_grad(pred, whole, grad_out=out)),
        "float64 target": Case(16, 0.5, lambda: value_and_grad(pred, wide, grad_out=out)),
        "every other element": Case(
            12, 0.35, lambda: value_and_grad(pairs[0][::2], pairs[1][::2], grad_out=out)
        ),
        "(N, 1) weight on (N, 4), sum": Case(
            13,
            0.35,
            lambda: value_and_grad(table[0], table[1], weight=rows, reduction="sum", grad_out=table[2]),
        ),
        "(N, 1) weight on (N, 4), mean": Case(
            14, 0.35, lambda: value_and_grad(table[0], table[1], weight=rows, grad_out=table[2])
        ),
        "Fortran order": Case(12, 0.95, lambda: value_and_grad(fortran[0], fortran[1], grad_out=fortran[2])),
    }


def speeds() -> dict[str, tuple[float, float | None]]:
    """The speed of each case per byte, in units of the plain call's, with its goal."""
    found = cases()
    # Several calls in a row: threads that Numba's last launch left spinning slow the first of them.
    timings = Timings({name: case.call for name, case in found.items()}, rounds=25, min_run_time=0.02)
    plain = found.pop("plain")
    return {
        name: (timings.speed(name, "plain") * case.size / plain.size, case.goal)
        for name, case in found.items()
    }


def transposed() -> float:
    """A Fortran-ordered pred with a C-ordered target: how many times as fast as the NumPy lines."""
    rng = np.random.default_rng(0)
    pred = rng.standard_normal(SIDES[::-1], np.float32).T
    target = rng.standard_normal(SIDES, np.float32)
    value, grad = value_and_grad(pred, target)
    usual = peers.usual_numpy(pred, target, 1.0)
    theirs = usual()
    np.testing.assert_allclose(value, theirs[0], rtol=1e-4)
    np.testing.assert_allclose(grad, theirs[1], rtol=1e-5, atol=1e-12)
    contenders = {
        "fastloss": lambda: value_and_grad(pred, target),
        "NumPy": usual,
    }
    return Timings(contenders, rounds=5).speed("fastloss", "NumPy")
