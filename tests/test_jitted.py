"""Losses that users' compiled code calls with scalars."""

import numba
import numpy as np
import pytest
from numba.core.errors import TypingError

import fastloss
from fastloss import huber
from fastloss.losses import shipped
from tests.subprocesses import answer, run_python

CALLS = ["__call__", "grad", "value_and_grad", "grad_and_hess", "value_grad_hess", "irls_weights"]

SCRIPT = """
import json
import numba, numpy as np
{first}
import fastloss

@numba.njit(cache=True)
def both(pred, target):
    return fastloss.huber(pred, target, delta=2.0), fastloss.log_cosh.grad(pred, target)

found = both(3.0, 0.5)
expected = fastloss.huber(3.0, 0.5, delta=2.0), fastloss.log_cosh.grad(3.0, 0.5)
print(json.dumps([found == expected, sum(both.stats.cache_hits.values())]))
"""
USED = "import fastloss; fastloss.huber([1.0], [2.0]); fastloss.log_cosh.grad([1.0], [2.0])"


@pytest.mark.parametrize("first", ["", USED], ids=["first", "after fastloss was used"])
def test_a_function_kept_on_disk_calls_losses(first, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(first=first))
    env = {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    for hits in (0, 1):
        assert answer(run_python(script, env=env)) == [True, hits]


@numba.njit
def every(pred, target, delta):
    return (
        huber(pred, target, delta),
        huber.grad(pred, target, delta=delta),
        huber.value_and_grad(pred, target, delta),
        huber.grad_and_hess(target=target, pred=pred, delta=delta),
        huber.value_grad_hess(pred, target, delta),
        huber.irls_weights(pred, target, delta),
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_call_has_the_numbers_and_types_of_the_same_outside(dtype):
    for pred in (0.25, -3.0, 2.0, np.nan):
        found = every(dtype(pred), dtype(0.5), 2.0)
        for name, result in zip(CALLS, found, strict=True):
            reduction = "none" if name == "irls_weights" else "sum"
            expected = getattr(huber, name)(dtype(pred), dtype(0.5), delta=2.0, reduction=reduction)
            np.testing.assert_array_equal(result, expected, err_msg=name)
    returned = every.overloads[numba.typeof(dtype(0)), numba.typeof(dtype(0)), numba.float64].signature
    kind = numba.from_dtype(np.dtype(dtype))
    assert returned.return_type[0] == returned.return_type[4].dtype == kind


@numba.njit(parallel=True)
def total(pred, target):
    found = 0.0
    for i in numba.prange(pred.size):
        found += fastloss.cauchy(pred[i], target[i]) + fastloss.poisson_nll(pred[i], target[i] ** 2)
    return found


def test_in_a_parallel_loop():
    pred, target = np.random.default_rng(0).standard_normal((2, 1000))
    expected = fastloss.cauchy(pred, target, reduction="sum")
    expected += fastloss.poisson_nll(pred, target**2, reduction="sum")
    assert total(pred, target) == pytest.approx(expected, rel=1e-12)


def test_defaults_integers_and_domains_are_those_of_the_loss():
    @numba.njit
    def found():
        return (
            fastloss.huber(3, 1),
            fastloss.smooth_l1(np.float32(3), np.float32(1)),
            fastloss.hinge(1.0, 0.5),
        )

    first, second, third = found()
    assert (first, second) == (1.5, 1.5)
    assert np.isnan(third)


def test_a_loss_of_ones_own_and_another_of_its_name():
    def times(factor):
        @fastloss.loss(shift=fastloss.real())
        def mine(pred, target, shift):
            return factor * (pred - target) + shift, factor, 0.0

        return mine

    two, three = times(2.0), times(3.0)

    @numba.njit
    def both(pred, target):
        return two(pred, target, 1.0), three(pred, target, shift=2.0)

    assert both(2.0, 1.0) == (3.0, 5.0)


REFUSED = {
    "arrays": (lambda x: huber(x, x), "huber: compiled code must call a loss with scalars, got array"),
    "an option": (lambda x: huber(x[0], x[1], reduction="sum"), "unexpected keyword argument 'reduction'"),
    "no target": (lambda x: huber(x[0]), "missing a required argument: 'target'"),
    "a call": (lambda x: huber.hess(x[0], x[1]), "Unknown attribute 'hess'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case):
    call, message = REFUSED[case]
    with pytest.raises(TypingError, match=message):
        numba.njit(call)(np.ones(3))


def test_every_loss_has_a_type():
    types = {numba.typeof(loss) for loss in shipped().values()}
    assert len(types) == len(shipped())
