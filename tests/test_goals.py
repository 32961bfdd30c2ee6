"""Every figure is measured as it says, and compared with its goal."""

import numpy as np
import pytest

import fastloss
from benchmarks import adaptive, ceilings, family, figures, layouts, operands, peers, small
from benchmarks.goals import at_most, ratio
from fastloss._cpu import streaming
from fastloss._cpu.variant import Variant
from fastloss.losses import shipped

#: Constants of the benchmarks that make a figure quick to measure.
QUICK = (
    (figures, "EXACT", 1 << 12),
    (figures, "PROCESSES", 1),
    (ceilings, "LARGE", 1 << 12),
    (ceilings, "CACHED", 1000),
    (ceilings, "ROUNDS", 3),
    (ceilings, "PLACEMENTS", 1),
    (ceilings, "MIN_RUN_TIME", 0.0),
    (small, "ROUNDS", 1),
    (small, "MIN_RUN_TIME", 0.0),
    (layouts, "SIZE", 1 << 12),
    (layouts, "SIDES", (64, 64)),
    (layouts, "CACHED", 1 << 10),
    (layouts, "LARGE", 1 << 12),
    (layouts, "TRANSPOSED", (64, 128)),
    (layouts, "ROUNDS", 1),
    (layouts, "MIN_RUN_TIME", 0.0),
    (adaptive, "SIZE", 1 << 12),
    (family, "CACHED", 1 << 10),
    (family, "LARGE", 1 << 12),
    (family, "ROUNDS", {1 << 10: 1, 1 << 12: 1}),
    (family, "MIN_RUN_TIME", 0.0),
)


@pytest.fixture
def quick(monkeypatch):
    """Measure every figure at tiny sizes, a few times."""
    for module, name, value in QUICK:
        assert type(getattr(module, name)) is type(value)
        monkeypatch.setattr(module, name, value)


@pytest.mark.usefixtures("quick")
def test_every_figure_is_measured(monkeypatch):
    few = {name: loss for name, loss in shipped().items() if name in {"huber", *TWO_POWERS, *FROM_MEMORY}}
    monkeypatch.setattr(family, "shipped", lambda: few)  # each loss compiles a kernel
    table = {figure.what: figure for figure in figures.measured()}
    assert table["mean of 4096 elements against math.fsum"].measured == "0.0e+00 relative"
    goals = {what: figure.goal for what, figure in table.items()}
    for dtype in ("float32", "float64"):
        for what, goal in CEILINGS.items():
            assert goals.pop(what.format(dtype)) == goal
    for what, goal in GOALS.items():
        assert goals.pop(what) == goal
    for group, (what, goal) in GROUPS.items():
        for name in group:
            assert goals.pop(what.format(name)) == goal
    for name in set(few) - {"huber"}:
        goal = "<= 6 x" if name in TWO_POWERS else "<= 3 x"
        assert goals.pop(f"n = 3 * 10^4: {name}, time against huber's") == goal
    for name in FROM_MEMORY:
        assert goals.pop(f"n = 2^26: {name}, speed against huber's") == ">= 0.8 x"
    assert set(goals) - {"n = 2^22: bfloat16, per byte against the plain call"} == OTHERS


TWO_POWERS = ("sigmoid_focal", "general_robust")
FROM_MEMORY = ("log_cosh", "pseudo_huber", "cauchy", "welsch", "binary_cross_entropy", "poisson_nll")
CEILINGS = {
    "n = 10^5, {}: value_and_grad against a serial `g = p - t`": ">= 0.6 x",
    "n = 10^5, {}: value against a serial float64 sum of both arrays": ">= 0.75 x",
    "n = 2^26, {}: value_and_grad against a parallel `g = p - t` (ordinary stores won here)": ">= 0.95 x",
    "n = 2^26, {}: value against a parallel sum of both arrays": ">= 0.95 x",
}
GOALS = {
    "n = 1000: against NumPy's best form": ">= 1.8 x",
    "n = 2^16: weight, mean, per byte against the plain call": ">= 0.75 x",
    "n = 2^24: weight, mean, per byte against the plain call": ">= 0.8 x",
}
LAYOUTS = (
    "every other element",
    "reversed",
    "a number as target",
    "a row as target",
    "a weight for each row",
    "C against Fortran order",
)
TYPES = ("int16 target", "float64 target", "float16 target")
OPTIONS = (
    "another delta each call",
    "`grad_out=` (the plain call allocates)",
    "normalizer",
    "weight",
    "mask",
)
COSTLY = ("delta of each element", "a weight for each column", "the same as a list", *LAYOUTS, *TYPES)
SMALL = "n = 1000: {}, time against the plain call"
BYTES = "n = 2^22: {}, per byte against the plain call"
GROUPS = {
    OPTIONS: (SMALL, "<= 2 x"),
    ("arrays from pickle", "read-only pred", "smooth_l1 with beta=0.0"): (SMALL, "<= 1.2 x"),
    (*COSTLY, "a list of 1000 numbers as target"): (SMALL, "<= 5 x; NumPy >= 1 x"),
    LAYOUTS: (BYTES, ">= 0.5 x"),
    (*TYPES, "byte-swapped", "float16"): (BYTES, ">= 0.7 x"),
}
OTHERS = {
    "n = 2^26, float32: value_and_grad",
    "n = 2^26, float64: value_and_grad",
    "n = 1000: value_and_grad",
    "n = 2^24: weight, sum, per byte against the plain call",
    "n = 2^24: mask, mean, per byte against the plain call",
    "n = 2^24: delta of each element, per byte against the plain call",
    "n = 2^24: Fortran order, per byte against the plain call",
    "(1024, 16384), pred transposed: against the usual NumPy lines",
    "(2^22, 4): step of SelfAdjustingSmoothL1 against smooth_l1",
    "2^22: step of DynamicSmoothL1 against 1.1 x smooth_l1 + np.partition",
    "process with one call, kernel cached",
    "process with one call, nothing cached",
    "mean of 4096 elements against math.fsum",
}


def test_a_goal_is_a_least_speed_or_a_most_time():
    assert ratio("x", 0.8, 0.8) == ("x", "0.80 x", ">= 0.8 x", True)
    assert not ratio("x", 0.79, 0.8).reached
    assert ratio("x", 0.1, None) == ("x", "0.10 x", "", True)
    assert at_most("x", 2.0, 2) == ("x", "2.00 x", "<= 2 x", True)
    assert not at_most("x", 2.01, 2).reached


@pytest.mark.parametrize(
    ("ours", "theirs", "reached"), [(4, 5, True), (6, 7, False), (4, 3, False), (6, 5, False)]
)
def test_a_small_call_is_held_against_the_plain_one_and_numpy(ours, theirs, reached, ticking, monkeypatch):
    case = operands.Operands(np.ones(3, np.float32), 0.5, {})
    monkeypatch.setattr(operands.Operands, "call", lambda self: case_of(ticking(ours), case))
    monkeypatch.setattr(peers, "usual_numpy", lambda *_: case_of(ticking(theirs), case))
    monkeypatch.setattr(small, "MIN_RUN_TIME", 0.0)
    figure = small.beside_numpy("x", ticking(1), case)
    assert figure.measured == f"{ours:.2f} x; NumPy {theirs / ours:.2f} x"
    assert figure.reached is reached


def case_of(call, case):
    return lambda: (call(), (1.0, np.ones_like(case.pred)))[1]


def test_numbers_other_than_those_of_numpy_stop_the_report(monkeypatch):
    case = operands.Operands(np.ones(3, np.float32), 0.5, {})
    wrong = case._replace(target=0.4)
    monkeypatch.setattr(
        operands.Operands, "call", lambda self: lambda: fastloss.huber.value_and_grad(*wrong[:2])
    )
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        small.beside_numpy("x", lambda: None, case)


def test_usual_lines_take_weights_of_any_shape():
    pred, target = np.random.default_rng(0).standard_normal((2, 30, 4))
    for weight in (np.arange(1.0, 5.0), np.arange(1.0, 31.0)[:, None], np.abs(pred), [1, 2, 3, 4]):
        expected = fastloss.huber.value_and_grad(pred, target, delta=0.7, weight=weight)
        for ours, theirs in zip(expected, peers.weighted_numpy(pred, target, 0.7, weight)(), strict=True):
            np.testing.assert_allclose(theirs, ours, rtol=1e-12)


def test_speeds_are_per_byte_that_must_move(ticking, monkeypatch):
    plain = operands.plain(1000)
    case = operands.Operands(plain.pred.astype(">f4")[::2], 0.5, {"weight": np.ones((250, 1), np.float32)})
    seconds = {12_000: 1.0, 2000 + 1000 + 2000: 2.0}  # by the bytes moved
    monkeypatch.setattr(operands.Operands, "call", lambda self: ticking(seconds[self.moved()]))
    (figure,) = layouts.by_the_byte("x", 1000, {"case": (case, 0.2)})
    assert figure == ("x: case, per byte against the plain call", "0.21 x", ">= 0.2 x", True)


@pytest.mark.parametrize("name", [*LAYOUTS, *TYPES, "byte-swapped", "float16"])
def test_operands_move_what_their_names_say(name):
    size = 64 * 64
    found = operands.laid_out(size, (64, 64)) | operands.converted(size) | operands.of_other_types(size)
    case = found[name]
    bytes_of_target = {
        "a number as target": 0,
        "a row as target": 4 * operands.COLUMNS,
        "int16 target": 2 * size,
        "float16 target": 2 * size,
        "float16": 2 * size,
        "float64 target": 8 * size,
        "a weight for each row": 4 * size + 4 * (size // operands.COLUMNS),
    }
    of_pred = (2 if name == "float16" else 4) * size
    assert case.moved() == of_pred + bytes_of_target.get(name, 4 * size)
    value, grad = case.call()()
    assert np.isfinite(value)
    assert grad.shape == case.pred.shape


def variant(dtype, **others):
    return Variant(np.dtype(dtype), **{**PLAIN, **others})


PLAIN = {"weight": False, "where": False, "params": (False,), "loss_out": False, "grad_out": True}
PLAIN |= {"hess_out": False, "summed": True, "parallel": True}


@pytest.mark.parametrize("faster", ["put", "stream"])
def test_the_goal_from_memory_follows_the_stores_that_won(faster, monkeypatch):
    choices = {}
    for kept, won in (
        (variant(np.float32), faster),
        (variant(np.float64), "put"),
        (variant(np.float32, weight=True), "stream"),
    ):
        choices[kept, ()] = choice = streaming.Choice()
        for way in ("put", "stream"):
            for _ in range(3):
                choice.note(way, 1.0 if way == won else 2.0)
    monkeypatch.setattr(streaming, "choices", choices)
    monkeypatch.setattr(ceilings, "LARGE", 1000)
    monkeypatch.setattr(ceilings, "ROUNDS", 1)
    found = {figure.what: figure.goal for figure in ceilings.from_memory()}
    what = "n = 2^26, {}: value_and_grad against a parallel `g = p - t` ({} won here)"
    ordinary = "ordinary stores", ">= 0.95 x"
    won, goal = ("stores past the caches", ">= 1.2 x") if faster == "stream" else ordinary
    assert found[what.format("float32", won)] == goal
    assert found[what.format("float64", ordinary[0])] == ordinary[1]
