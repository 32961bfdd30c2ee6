"""Every loss in the kernels: against its reference, at hard operands, and with NaN and infinity."""

import math

import numpy as np
import pytest

from fastloss.losses import shipped

from .exact import REFERENCES
from .reference import assert_elements, cases, different_in_kind, inside, name_of, points
from .test_calls import DTYPES, data


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
