"""Parameters of losses as arrays: a value for each column, row or element."""

import numpy as np
import pytest

import fastloss
from fastloss import between, huber, positive, real, smooth_l1
from fastloss._formula.sum import CHUNK
from fastloss._rules.options import CALLS
from fastloss.losses import shipped

from .calls import data, invoke
from .exact import REFERENCES
from .layouts import LAYOUTS
from .reference import assert_close, different_in_kind, reduced

PARAMETRIC = [name for name in different_in_kind() if shipped()[name].domains]
SHAPE = (6, 85)


def spread(name, shape):
    """An array for each parameter of a loss, drawn from the values that the references list."""
    rng = np.random.default_rng(11)
    return {
        parameter: rng.choice([params[parameter] for params in REFERENCES[name].choices], shape)
        for parameter in shipped()[name].domains
    }


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1,), (85,), (6, 1), (1, 85), SHAPE])
@pytest.mark.parametrize("name", PARAMETRIC)
def test_array_parameters_equal_the_reference(name, shape, dtype):
    pred, target = data(SHAPE, dtype, loss=shipped()[name])
    options = spread(name, shape) | {"weight": np.arange(85.0), "reduction": "mean"}
    expected = reduced(name, pred, target, dtype=dtype, **options)
    for call in CALLS:
        for quantity, result in invoke(shipped()[name], call, pred, target, **options).items():
            assert_close(result, expected[quantity], dtype, ulps=6)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("given", ["f2", "f4", "f8", "i8"])
def test_array_parameters_of_any_type_and_layout(given, layout):
    pred, target = data(SHAPE, np.float32)
    delta = np.random.default_rng(12).integers(1, 9, SHAPE).astype(given)
    expected = huber.value_and_grad(pred, target, delta=delta.astype(np.float32))
    value, grad = huber.value_and_grad(pred, target, delta=LAYOUTS[layout](delta))
    assert value == expected[0]
    assert grad.dtype == np.float32
    np.testing.assert_array_equal(grad, expected[1])


def test_columns_have_parameters_of_their_own():
    pred, target = data((500, 3), np.float64)
    columns = [
        smooth_l1.value_and_grad(pred[:, k], target[:, k], beta=beta, reduction="sum")
        for k, beta in enumerate((0.0, 0.5, 2.0))
    ]
    value, grad = smooth_l1.value_and_grad(pred, target, beta=[0.0, 0.5, 2.0], reduction="sum")
    assert value == pytest.approx(sum(column[0] for column in columns), rel=1e-14)
    np.testing.assert_array_equal(grad.T, [column[1] for column in columns])


def test_full_arrays_of_one_value_have_the_bits_of_the_number():
    pred, target = data(3 * CHUNK + 5, np.float32)
    for call in CALLS:
        expected = invoke(huber, call, pred, target, delta=0.7)
        found = invoke(huber, call, pred, target, delta=np.full(pred.shape, 0.7, np.float32))
        for quantity, result in found.items():
            np.testing.assert_array_equal(result, expected[quantity])


@fastloss.loss(low=real(), slope=positive(default=1.0), tau=between(0, 1))
def three(pred, target, low, slope, tau):
    """A loss with three parameters that all affect the results."""
    return low + 10 * slope + 100 * tau, slope * (pred - target), tau


@pytest.mark.parametrize("arrays", [(), (0,), (1,), (2,), (0, 1), (1, 2), (0, 2), (0, 1, 2)])
def test_numbers_and_arrays_mix(arrays):
    params = {"low": -3.0, "slope": 2.0, "tau": 0.25}
    for place in arrays:
        name = list(params)[place]
        params[name] = np.linspace(0.5, 1, 700) * params[name]
    value, grad, hess = three.value_grad_hess(np.full(700, 5.0), np.zeros(700), reduction="none", **params)
    np.testing.assert_allclose(value, params["low"] + 10 * params["slope"] + 100 * params["tau"], rtol=1e-15)
    np.testing.assert_array_equal(grad, params["slope"] * np.full(700, 5.0))
    np.testing.assert_array_equal(hess, params["tau"] * np.ones(700))


BAD = {
    "zero": (huber, "delta", 0.0, "delta must be a number > 0 or inf, got 0.0"),
    "negative": (smooth_l1, "beta", -1.0, "beta must be a finite number >= 0, got -1.0"),
    "NaN": (huber, "delta", np.nan, "delta must be a number > 0 or inf, got nan"),
    "infinite": (smooth_l1, "beta", np.inf, "beta must be a finite number >= 0, got inf"),
    "infinite beside infinite": (three, "low", -np.inf, "low must be a finite number, got -inf"),
    "at the open end": (three, "tau", 1.0, "tau must be a number > 0 and < 1, got 1.0"),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", BAD)
def test_every_value_must_be_in_the_domain_and_nothing_is_written(case, dtype):
    loss, name, bad, message = BAD[case]
    pred = np.ones((2, 500), dtype)
    params = {"low": 0.5, "tau": 0.5} if loss is three else {}
    full = np.full((2, 500), 0.5, dtype)
    full[1, 77] = bad
    for given in (full, full[1], full.astype("f8"), full.astype("f4"), full.copy("F"), full[1].tolist()):
        for where in (None, False):  # also where elements are left out
            out = np.full((2, 500), 7, dtype)
            with pytest.raises(ValueError, match=f"{loss.name}: {message}"):
                loss.grad(pred, pred, where=where, grad_out=out, **params | {name: given})
            assert (out == 7).all()


def test_values_next_to_the_ends_of_a_domain_are_in_it():
    for dtype in (np.float32, np.float64):
        info, pred = np.finfo(dtype), np.ones(600, dtype)
        for loss, name, value in (
            (huber, "delta", info.smallest_subnormal),
            (huber, "delta", np.inf),
            (smooth_l1, "beta", 0.0),
            (smooth_l1, "beta", info.max),
            (three, "tau", np.nextafter(dtype(1), dtype(0))),
            (three, "low", -info.max),
        ):
            params = {"low": 0.5, "tau": 0.5} if loss is three else {}
            full = np.full(600, 0.5, dtype)
            full[100:200] = value
            full[300] = info.max if name == "low" else value  # sums overflow, to infinities of both signs
            assert loss(pred, pred, reduction="none", **params | {name: full}).shape == pred.shape


@fastloss.loss(edge=fastloss.Domain(0.7, 1.1, True, True))
def bounded(pred, target, edge):
    """A loss whose parameter has bounds that float32 rounds outward."""
    return edge, edge, edge


@pytest.mark.parametrize("edge", [0.7, 1.1])
def test_bounds_are_judged_by_the_numbers_themselves(edge):
    wide, narrow = np.full(600, edge), np.full(600, edge, np.float32)
    assert bounded(wide, wide, edge=wide) == pytest.approx(edge, rel=1e-15)
    for given in (narrow, edge, [edge] * 600):
        with pytest.raises(ValueError, match="edge"):
            bounded(narrow, narrow, edge=given)
    inward = np.nextafter(narrow, np.float32(0.9))
    assert bounded(narrow, narrow, edge=inward) == pytest.approx(float(inward[0]), rel=1e-15)


def test_parameters_are_checked_before_and_after_they_are_cast():
    pred = np.ones(3, np.float32)
    with pytest.raises(ValueError, match=r"delta=1e-50 is 0\.0 in float32, the type of this computation"):
        huber(pred, pred, delta=[1.0, 1e-50, 1.0])
    with pytest.raises(ValueError, match=r"beta=1e\+39 is inf in float32"):
        smooth_l1(pred, pred, beta=[1.0, 1e39, 1.0])
    with pytest.raises(ValueError, match="beta must be a finite number >= 0, got -1e-50"):
        smooth_l1(pred, pred, beta=[1.0, -1e-50, 1.0])


def test_one_value_for_each_of_no_elements():
    empty = np.empty((0, 3))
    assert huber(empty, empty, delta=[1.0, 2.0, 3.0], reduction="sum") == 0.0
    assert huber(empty, empty, delta=empty, reduction="sum") == 0.0
    assert huber(2.0, 0.0, delta=np.array(1.0)) == 1.5


def test_the_common_calls_of_a_loss_make_few_kernels():
    @fastloss.loss(scale=positive(default=1.0))
    def counted(pred, target, scale):
        error = (pred - target) / scale
        return error * error, error, scale

    rng = np.random.default_rng(13)
    x = rng.random((40, 6)).astype(np.float32)
    mask = x < 0.5
    predictions = [x, np.asfortranarray(x), x[::2], x[:, ::-1], x.T, x.astype("f2"), x.astype(">f4")]
    for pred in predictions:
        shape = pred.shape
        for target in (
            np.zeros(shape, "f4"),
            np.zeros(shape, "f4", order="F"),
            np.zeros(shape[1], "f4"),
            0.0,
        ):
            for weight in (None, np.ones(shape, "f4"), np.ones(shape), np.ones(shape, int), 2.0):
                for where in (None, np.resize(mask, shape), True):
                    for reduction in ("mean", "sum"):
                        for scale in (1.0, 2.0):
                            counted.value_and_grad(
                                pred, target, weight=weight, where=where, reduction=reduction, scale=scale
                            )
    # With and without weights, with and without a mask, whatever the layouts, types, reductions and values.
    assert len(counted._kernels) == 4
    for reduction in ("mean", "sum", "none"):
        for call in CALLS:
            invoke(counted, call, x, x, reduction=reduction)
    # Besides the four for a reduced value with the gradient: two for a reduced value, with both derivatives
    # and with none; two for derivatives alone, whatever the reduction; three for elementwise values.
    assert len(counted._kernels) == 4 + 2 + 2 + 3
    counted.value_and_grad(x, x, scale=np.ones_like(x))
    counted.value_and_grad(x, x.astype(np.float64), scale=[1, 2, 3, 4, 5, 6])
    assert len(counted._kernels) == 4 + 2 + 2 + 3 + 2
