"""Calls on a thousand elements, for which the overhead of a call matters: part of `benchmarks.report`."""

import pickle
from collections.abc import Iterator
from functools import partial
from itertools import count

import numpy as np

import fastloss
from benchmarks import operands, peers
from benchmarks.goals import Figure, at_most, ratio
from benchmarks.operands import COLUMNS, Operands, plain, weights
from benchmarks.pairs import Call, Timings

SIZE = 1000
SIDES = (125, 8)
ROUNDS = 100
MIN_RUN_TIME = 1e-3

value_and_grad = fastloss.huber.value_and_grad


def figures() -> Iterator[Figure]:
    """Yield the figures of the plain call, which allocates its gradient, and of others in turn with it."""
    pred, target, _ = plain(SIZE)
    call = partial(value_and_grad, pred, target, delta=1.0)
    best = Timings({"plain": call, "NumPy": peers.best_numpy(pred, target, 1.0)}, ROUNDS, MIN_RUN_TIME)
    micro = best.median("plain") * 1e6
    yield Figure("n = 1000: value_and_grad", f"{micro:.1f} us", "<= 3.5 us", micro <= 3.5)
    yield ratio("n = 1000: against NumPy's best form", best.speed("plain", "NumPy"), 1.8)
    for goal, cases in ((2, of_other_options()), (1.2, of_a_plain_form())):
        for name, other in cases.items():
            timings = Timings({"plain": call, "other": other}, ROUNDS, MIN_RUN_TIME)
            yield at_most(
                f"n = 1000: {name}, time against the plain call", timings.speed("plain", "other"), goal
            )
    for name, case in of_other_operands().items():
        yield beside_numpy(f"n = 1000: {name}, time against the plain call", call, case)


def of_other_options() -> dict[str, Call]:
    """Calls on plain arrays with more arguments."""
    pred, target, _ = plain(SIZE)
    deltas = count(1.0, 1e-6)
    given = partial(value_and_grad, pred, target, delta=1.0)
    return {
        "another delta each call": lambda: value_and_grad(pred, target, delta=next(deltas)),
        "`grad_out=` (the plain call allocates)": partial(given, grad_out=np.empty_like(pred)),
        "normalizer": partial(given, normalizer=7.0),
        "weight": partial(given, weight=weights(SIZE)),
        "mask": partial(given, where=operands.mask(SIZE)),
    }


def of_a_plain_form() -> dict[str, Call]:
    """Calls that are plain, but that a test by `is` or of flags might not recognise as such."""
    pred, target, _ = plain(SIZE)
    unpickled = pickle.loads(pickle.dumps((pred, target)))
    locked = pred.copy()
    locked.flags.writeable = False
    return {
        "arrays from pickle": partial(value_and_grad, *unpickled, delta=1.0),
        "read-only pred": partial(value_and_grad, locked, target, delta=1.0),
        "smooth_l1 with beta=0.0": partial(fastloss.smooth_l1.value_and_grad, pred, target, beta=0.0),
    }


def of_other_operands() -> dict[str, Operands]:
    """Layouts, types and arrays to broadcast."""
    pred, target, _ = plain(SIZE)
    table = pred.reshape(-1, COLUMNS), target.reshape(-1, COLUMNS)
    columns = weights(COLUMNS)
    return {
        "delta of each element": Operands(pred, target, {"delta": weights(SIZE)}),
        "a weight for each column": Operands(*table, {"weight": columns}),
        "the same as a list": Operands(*table, {"weight": columns.tolist()}),
        **operands.laid_out(SIZE, SIDES),
        **operands.converted(SIZE),
        "a list of 1000 numbers as target": Operands(pred, target.tolist(), {}),
    }


def beside_numpy(what: str, call: Call, case: Operands) -> Figure:
    """The time relative to the plain call, and the speed relative to the usual NumPy lines."""
    ours, usual = case.call(), usual_lines(case)
    for mine, theirs in zip(ours(), usual(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-9)
    timings = Timings({"plain": call, "ours": ours, "NumPy": usual}, ROUNDS, MIN_RUN_TIME)
    time, speed = timings.speed("plain", "ours"), timings.speed("ours", "NumPy")
    reached = time <= 5 and speed >= 1
    return Figure(what, f"{time:.2f} x; NumPy {speed:.2f} x", "<= 5 x; NumPy >= 1 x", reached)


def usual_lines(case: Operands) -> peers.Call:
    """The lines of NumPy that most people write for such operands."""
    delta, weight = case.options.get("delta", 1.0), case.options.get("weight")
    if weight is None:
        return peers.usual_numpy(case.pred, case.target, delta)
    return peers.weighted_numpy(case.pred, case.target, delta, weight)
