"""The kernels of every loss: against its reference, for hard operands, and with NaN and infinity."""

import math

import numpy as np
import pytest
from mpmath import mpf

from fastloss.losses import shipped

from .calls import DTYPES, data
from .exact import REFERENCES
from .reference import assert_elements, cases, different_in_kind, inside, name_of, points


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", cases(), ids=name_of)
def test_every_loss_equals_the_reference(case, dtype):
    name, params = case
    pred, target = data((3, 171), dtype, loss=shipped()[name])
    results = shipped()[name].value_grad_hess(pred, target, reduction="none", **params)
    assert {(result.dtype, result.shape) for result in results} == {(np.dtype(dtype), pred.shape)}
    assert_elements(results, name, pred, target, params)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", cases(), ids=name_of)
def test_every_loss_equals_the_reference_where_that_is_hard(case, dtype):
    name, params = case
    with np.errstate(over="ignore"):
        pairs = np.array(list(points(name, params))).astype(dtype)
    pred, target = pairs[
        [inside(name, *pair) and np.isfinite(pair).all() for pair in pairs.tolist()]
    ].T.copy()
    assert pred.size > 10
    assert_elements(
        shipped()[name].value_grad_hess(pred, target, reduction="none", **params), name, pred, target, params
    )


FOUND_BY_SEARCH = [
    ("squared_log_error", "float64", 0.12788529609544905, 0.08005094508413792, {}),
    ("squared_log_error", "float32", 0.0003615032183006406, 0.002967223757877946, {}),
    ("squared_log_error", "float32", 0.06307298690080643, 0.0630730539560318, {}),
    (
        "balanced_l1",
        "float64",
        -0.03501390527932399,
        0.0,
        {"alpha": 0.01383910373119358, "gamma": 0.041517311193580736, "beta": 1.207076665629349},
    ),
    (
        "balanced_l1",
        "float32",
        0.050703685730695724,
        0.0,
        {"alpha": 0.050677306950092316, "gamma": 0.0013805393828079104, "beta": 486.7586364746094},
    ),
    ("tukey_biweight", "float64", 4.667204699252784, 0.0, {"scale": 4.685}),
    ("tukey_biweight", "float32", 0.11214014142751694, 0.0, {"scale": 0.11992854624986649}),
    ("tweedie_nll", "float64", 355.0, 1.0, {"power": 0.0}),
    ("tweedie_nll", "float32", 44.6234245300293, 1e18, {"power": 0.0}),
    ("tweedie_nll", "float64", 2238.1578698788444, 1e143, {"power": 1.6828715911365757}),
]


@pytest.mark.parametrize("case", FOUND_BY_SEARCH, ids=lambda case: f"{case[0]}-{case[1]}-{case[2]}")
def test_units_in_the_last_place_where_they_were_most_or_more_overflowed(case):
    """Units here are those of the exact result, which can be half as large as in `assert_elements`."""
    name, dtype, pred, target, params = case
    number, kind = np.dtype(dtype).type, REFERENCES[name]
    results = shipped()[name].value_grad_hess(number(pred), number(target), reduction="none", **params)
    numbers = [mpf(float(number(x))) for x in (pred, target, *params.values())]
    for result, exact, size, twice in zip(
        results, kind.exact(*numbers), kind.sizes(*numbers), (1, 1, 2), strict=True
    ):
        if size <= np.finfo(dtype).max:
            assert abs(mpf(float(result)) - exact) <= twice * kind.ulps * float(np.spacing(number(size)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", shipped())
def test_nan_and_infinity_pass_through_the_kernels(name, dtype):
    loss = shipped()[name]
    pred, target = data(1100, dtype, loss=loss)
    pred[3], target[700], pred[1099], target[1099] = np.nan, np.nan, np.inf, np.inf
    pred[5], target[600] = np.inf, np.inf
    results = loss.value_grad_hess(pred, target, reduction="none")
    params = [dtype(domain.default) for domain in loss.domains.values()]
    special = [3, 5, 600, 700, 1099]
    nans = set(np.flatnonzero(np.isnan(results[0])).tolist())
    assert nans == {3, 700, 1099} if REFERENCES[name].of_error else {3, 700} <= nans
    for place in {*special, *nans}:
        operands = {"pred": pred[place], "target": target[place]}
        expected = [np.nan, np.nan]
        if all(operands[operand] in domain for operand, domain in loss.operands.items()):
            with np.errstate(all="ignore"):
                expected = loss.formula(*operands.values(), *params)[:2]
        np.testing.assert_allclose([x[place] for x in results[:2]], expected, rtol=4 * np.finfo(dtype).eps)
    if name in different_in_kind():
        assert math.isnan(loss(pred, target))
