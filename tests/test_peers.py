"""Values, derivatives and reductions against recorded figures of other packages: see data/README.md."""

import json
from pathlib import Path

import numpy as np
import pytest

import fastloss
from fastloss.losses import shipped
from tests.peers import CALLS, SOURCES
from tests.peers.agreement import assert_agrees

DATA = Path(__file__).parent / "data"
PEERS = json.loads((DATA / "peers.json").read_text(encoding="utf-8"))
FIGURES = PEERS["figures"]
BY_KEY = {call.key: call for call in CALLS}
LOSSES = sorted({figure["loss"] for figure in FIGURES})


def figure_id(figure):
    return "-".join(figure[key] for key in ("source", "call", "loss", "reduction", "quantity", "dtype"))


def key(figure):
    return tuple(figure[name] for name in ("source", "call", "loss", "dtype"))


def inputs(figure):
    return figure.get("inputs", "errors")


def expected(figure):
    return np.array(figure["expected"], float)  # null becomes NaN: conventions differ there


@pytest.mark.parametrize("figure", FIGURES, ids=figure_id)
def test_agrees(figure):
    pairs = [np.array(PEERS["inputs"][inputs(figure)][name], figure["dtype"]) for name in ("pred", "target")]
    assert_agrees(BY_KEY[key(figure)], figure["reduction"], figure["quantity"], *pairs, expected(figure))


def test_figures_are_of_the_calls_that_record_them():
    assert len(BY_KEY) == len(CALLS)
    recorded = [
        (key(figure), figure["params"], inputs(figure), figure["reduction"], figure["quantity"])
        for figure in FIGURES
    ]
    assert recorded == [
        (call.key, call.params, call.inputs, *wanted) for call in CALLS for wanted in call.wanted
    ]


def test_figures_are_finite_and_nearly_all_compared():
    for figure in FIGURES:
        numbers = expected(figure)
        assert np.isnan(numbers).sum() <= max(2, numbers.size // 10), figure_id(figure)
        assert not np.isinf(numbers).any(), figure_id(figure)


def test_ids_are_unique():
    ids = [figure_id(figure) for figure in FIGURES]
    assert len(set(ids)) == len(ids)


def test_every_loss_has_peers_or_a_reason():
    reasons = (DATA / "README.md").read_text(encoding="utf-8")
    without = [name for name in shipped() if name not in LOSSES and f"`{name}`" not in reasons]
    assert not without, "add calls to tests/peers, or say in tests/data/README.md why there are none"


@pytest.mark.parametrize("name", LOSSES)
def test_table_covers_loss(name):
    figures = [figure for figure in FIGURES if figure["loss"] == name]
    values = {figure["reduction"] for figure in figures if figure["quantity"] == "value"}
    assert {figure["quantity"] for figure in figures} >= {"value", "grad"}
    many = "errors" in map(inputs, figures)  # these are the losses that most packages have
    assert values >= ({"none", "mean", "sum"} if many else {"none"})
    for parameter in fastloss.get(name).domains:
        assert len({figure["params"][parameter] for figure in figures}) >= (4 if many else 2)


def test_table_covers_sources():
    assert {figure["source"] for figure in FIGURES} == set(PEERS["sources"]) == set(SOURCES)
    assert set(PEERS["sources"]) >= {"torch", "keras", "sklearn", "scipy"}


def test_inputs_reach_both_sides_of_each_threshold_and_it():
    for name in ("errors", "residuals"):
        errors = np.subtract(PEERS["inputs"][name]["pred"], PEERS["inputs"][name]["target"])
        assert {-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0} <= set(errors)
        figures = [figure for figure in FIGURES if inputs(figure) == name]
        for threshold in {
            abs(value) for figure in figures for value in figure["params"].values() if np.isfinite(value)
        } - {0.0}:
            for side in (errors[errors > 0], -errors[errors < 0]):
                assert side.min() < threshold < side.max()
    margins = np.multiply(PEERS["inputs"]["signs"]["pred"], PEERS["inputs"]["signs"]["target"])
    assert {-1.0, 0.0, 0.5, 1.0, 2.0} <= set(margins)
    assert margins.min() < 0 < 2 < margins.max()


@pytest.mark.parametrize("name", ["smooth_l1", "huber"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_documented_example(name, dtype):
    """The example in the documentation of several packages, at their default threshold of 1."""
    loss = fastloss.get(name)
    pred, target = np.array([2.5, 0.3, 4.1], dtype), np.array([3.0, 0.0, 4.0], dtype)
    rtol = 1e-14 if dtype == "float64" else 1e-5  # 4.1 - 4.0 has lost two digits
    np.testing.assert_allclose(loss(pred, target, reduction="none"), [0.125, 0.045, 0.005], rtol=rtol)
    assert loss(pred, target) == pytest.approx(0.175 / 3, rel=rtol, abs=0)
    assert round(loss(pred, target), 7) == 0.0583333


def test_huber_is_smooth_l1_stretched():
    """The results agree to the bit if delta is a power of two, and to one rounding otherwise."""
    pred, target = np.random.default_rng(3).standard_cauchy((2, 999))
    for delta in (0.25, 1.0, 4.0, 0.3):
        huber = fastloss.huber.value_grad_hess(pred, target, delta=delta, reduction="none")
        smooth = fastloss.smooth_l1.value_grad_hess(pred, target, beta=delta, reduction="none")
        for ours, theirs in zip(huber, smooth, strict=True):
            np.testing.assert_allclose(ours, delta * theirs, rtol=0 if delta != 0.3 else 5e-16)


def test_huber_with_infinite_delta_is_half_squared_error():
    pred, target = np.random.default_rng(4).standard_cauchy((2, 999))
    expected = fastloss.half_squared_error.value_grad_hess(pred, target)
    for delta in (np.inf, np.full(999, np.inf)):
        for ours, theirs in zip(
            fastloss.huber.value_grad_hess(pred, target, delta=delta), expected, strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)
