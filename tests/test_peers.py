"""Values, derivatives and reductions against figures recorded from other packages: see data/README.md."""

import json
from pathlib import Path

import numpy as np
import pytest

import fastloss

PEERS = json.loads((Path(__file__).parent / "data" / "peers.json").read_text(encoding="utf-8"))
FIGURES = PEERS["figures"]
RTOL = {"float64": 2e-15, "float32": 2e-7}  # nothing is near zero but by an exact difference: no atol


def figure_id(figure):
    return "-".join(figure[key] for key in ("source", "call", "reduction", "quantity", "dtype"))


def results(figure):
    """The figure's quantity from every call that returns it."""
    loss = fastloss.get(figure["loss"])
    arrays = [np.array(PEERS["inputs"][name], figure["dtype"]) for name in ("pred", "target")]
    keywords = {"reduction": figure["reduction"], **figure["params"]}
    if figure["quantity"] == "value":
        yield "call", loss(*arrays, **keywords)
        yield "value_and_grad", loss.value_and_grad(*arrays, **keywords)[0]
    elif figure["quantity"] == "grad":
        yield "grad", loss.grad(*arrays, **keywords)
        yield "value_and_grad", loss.value_and_grad(*arrays, **keywords)[1]
    else:
        yield "grad_and_hess", loss.grad_and_hess(*arrays, **keywords)[1]
        yield "value_grad_hess", loss.value_grad_hess(*arrays, **keywords)[2]


@pytest.mark.parametrize("figure", FIGURES, ids=figure_id)
def test_agrees(figure):
    dtype = figure["dtype"]
    expected = np.array(figure["expected"], float)  # null becomes NaN: conventions differ there
    compared = ~np.isnan(expected)
    for call, result in results(figure):
        if expected.ndim:
            assert (result.shape, result.dtype) == (expected.shape, dtype), call
        else:
            assert type(result) is float, call
        np.testing.assert_allclose(
            np.asarray(result, float)[compared], expected[compared], rtol=RTOL[dtype], err_msg=call
        )


def test_figures_are_finite_and_nearly_all_compared():
    for figure in FIGURES:
        expected = np.array(figure["expected"], float)
        assert np.isnan(expected).sum() <= 2, figure_id(figure)
        assert not np.isinf(expected).any(), figure_id(figure)


def test_ids_are_unique():
    ids = [figure_id(figure) for figure in FIGURES]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    "name", ["absolute_error", "squared_error", "half_squared_error", "smooth_l1", "huber"]
)
def test_table_covers_loss(name):
    figures = [figure for figure in FIGURES if figure["loss"] == name]
    values = {figure["reduction"] for figure in figures if figure["quantity"] == "value"}
    assert values == {"none", "mean", "sum"}
    assert {figure["quantity"] for figure in figures} >= {"value", "grad"}
    for parameter in fastloss.get(name).domains:
        assert len({figure["params"][parameter] for figure in figures}) >= 4


def test_table_covers_sources():
    assert {figure["source"] for figure in FIGURES} == set(PEERS["sources"])
    assert set(PEERS["sources"]) == {"torch", "keras", "sklearn", "scipy"}


def test_inputs_reach_both_sides_of_each_threshold_and_it():
    errors = np.subtract(PEERS["inputs"]["pred"], PEERS["inputs"]["target"])
    assert {-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0} <= set(errors)
    for threshold in {value for figure in FIGURES for value in figure["params"].values()} - {0.0}:
        for side in (errors[errors > 0], -errors[errors < 0]):
            assert side.min() < threshold < side.max()


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
    """To a rounding for any delta, to the bit for powers of two."""
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
