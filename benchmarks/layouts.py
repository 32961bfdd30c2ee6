"""Weights, masks, array parameters, types and layouts, per byte: part of `benchmarks.report`."""

from collections.abc import Iterator

import numpy as np

import fastloss
from benchmarks import operands, peers
from benchmarks.goals import Figure, ratio
from benchmarks.operands import Operands, arrays, plain, weights
from benchmarks.pairs import Timings

SIZE = 1 << 22
SIDES = (2048, 2048)
CACHED = 1 << 16
LARGE = 1 << 24
TRANSPOSED = (1024, 16384)
ROUNDS = 25
# Seconds of calls in a row: threads that the last launch of Numba left spinning slow down the first one.
MIN_RUN_TIME = 0.02

Cases = dict[str, tuple[Operands, float]]


def figures() -> Iterator[Figure]:
    """Yield the figures of every group, measured in turn with the plain call on as many elements."""
    yield from by_the_byte("n = 2^22", SIZE, of_many_kinds())
    yield from by_the_byte("n = 2^16", CACHED, {"weight, mean": (weighted(CACHED), 0.75)})
    yield from by_the_byte("n = 2^24", LARGE, of_as_many_elements())
    what = "(1024, 16384), pred transposed: against the usual NumPy lines"
    yield ratio(what, transposed(), 1)


def by_the_byte(where: str, size: int, cases: Cases) -> Iterator[Figure]:
    """Yield the speed of each case per byte, relative to the plain call. Both write to a given output."""
    basis = plain(size)
    basis = basis.into(np.empty_like(basis.pred))
    for name, (case, goal) in cases.items():
        given = case.into(np.empty_like(case.pred, case.pred.dtype.newbyteorder("=")))
        timings = Timings({"plain": basis.call(), name: given.call()}, ROUNDS, MIN_RUN_TIME)
        speed = timings.speed(name, "plain") * given.moved() / basis.moved()
        yield ratio(f"{where}: {name}, per byte against the plain call", speed, goal)


def of_many_kinds() -> Cases:
    layouts = operands.laid_out(SIZE, SIDES)
    types = operands.converted(SIZE) | operands.of_other_types(SIZE)
    return {name: (case, 0.5) for name, case in layouts.items()} | {
        name: (case, 0.7) for name, case in types.items()
    }


def of_as_many_elements() -> Cases:
    """Cases from memory with one more array of the size of pred, or with another order of axes."""
    pred, target, _ = plain(LARGE)
    turned, other = (x.reshape(-1, 1024).T for x in (pred, target))
    return {
        "weight, mean": (weighted(LARGE), 0.8),
        "weight, sum": (Operands(pred, target, {"weight": weights(LARGE), "reduction": "sum"}), 0.8),
        "mask, mean": (Operands(pred, target, {"where": operands.mask(LARGE)}), 0.75),
        "delta of each element": (Operands(pred, target, {"delta": weights(LARGE)}), 0.6),
        "Fortran order": (Operands(turned, other, {}), 0.95),
    }


def weighted(size: int) -> Operands:
    return Operands(*arrays(size), {"weight": weights(size)})


def transposed() -> float:
    """How many times as fast as NumPy a call with pred in Fortran order and target in C order is."""
    rng = np.random.default_rng(0)
    pred = rng.standard_normal(TRANSPOSED[::-1], np.float32).T
    target = rng.standard_normal(TRANSPOSED, np.float32)
    value, grad = fastloss.huber.value_and_grad(pred, target)
    usual = peers.usual_numpy(pred, target, 1.0)
    theirs = usual()
    np.testing.assert_allclose(value, theirs[0], rtol=1e-4)
    np.testing.assert_allclose(grad, theirs[1], rtol=1e-5, atol=1e-12)
    contenders = {"fastloss": lambda: fastloss.huber.value_and_grad(pred, target), "NumPy": usual}
    return Timings(contenders, rounds=5).speed("fastloss", "NumPy")
