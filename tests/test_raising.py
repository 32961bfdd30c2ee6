"""Formulas whose compiled code can raise: they are refused or give NaN, but never wrong numbers."""

import re

import numba
import numpy as np
import pytest
from numba import njit
from numba.extending import overload, register_jitable

from fastloss import loss
from fastloss._cpu import kernel as _cpu
from fastloss._cpu.layouts import NONE
from fastloss._cpu.variant import Variant
from fastloss.adaptive.moments_kernel import make_kernel as make_moments_kernel

ROOTS, TABLE = (0.0, 1.0, 4.0), np.array([0.0, 1.0, 4.0])
PRED = np.array([2.0, -7.0, 0.0, 3.0, 1.0])


def checked(x):
    if x < 0:
        raise ValueError("negative")
    return x


def asserted(x):
    assert x >= 0
    return x


@njit
def compiled(x):
    return checked(x)


@register_jitable
def registered(x):
    return checked(x)


def indirect(x):
    def inner(y):
        return compiled(y)

    return inner(x)


RAISING = {checked: checked, asserted: asserted, compiled: checked, registered: checked, indirect: checked}


@pytest.mark.parametrize("helper", RAISING)
def test_a_helper_that_raises_is_refused_with_its_name(helper):
    @loss
    def root(pred, target):
        return helper(pred - target), 1.0, 0.0

    name, line = RAISING[helper].__name__, RAISING[helper].__code__.co_firstlineno
    said = rf"loss root \(.*\) calls {name} \(.*test_raising.py, line {line}\), which must not raise"
    for call in (root, root.grad):
        with pytest.raises(TypeError, match=said):
            call(np.ones(3), np.zeros(3))
    out = np.full(3, 7.0)
    with pytest.raises(TypeError, match=said):
        root.grad(np.ones(3), np.zeros(3), grad_out=out)
    assert out.tolist() == [7.0] * 3


def elsewhere(x):
    return checked(x)


@overload(elsewhere)
def _elsewhere(x):
    def implementation(x):
        if x < 0:
            raise ValueError("negative")
        return x

    return implementation


@njit("float64(float64)")
def eager(x):
    if x < 0:
        raise ValueError("negative")
    return x


@loss
def of_a_tuple(pred, target):
    return ROOTS[int(pred)], 1.0, 0.0


@loss
def by_an_overload(pred, target):
    return elsewhere(pred - target), 1.0, 0.0


@loss
def by_a_function_compiled_before(pred, target):
    return eager(pred), 1.0, 0.0


@loss
def of_an_array(pred, target):
    return TABLE[int(pred)], 1.0, 0.0


@njit
def looked_up(x):
    return TABLE[int(x)]


@register_jitable
def looked_up_too(x):
    return TABLE[int(x)]


@loss
def by_helpers(pred, target):
    return (looked_up(pred) + looked_up_too(pred)) / 2, 1.0, 0.0


EXPECTED = {
    of_a_tuple: [4.0, np.nan, 0.0, np.nan, 1.0],
    by_an_overload: [2.0, np.nan, 0.0, 3.0, 1.0],
}
ON_THE_CPU = {
    by_a_function_compiled_before: [2.0, np.nan, 0.0, 3.0, 1.0],
    by_helpers: [4.0, np.nan, 0.0, np.nan, 1.0],
    of_an_array: [4.0, np.nan, 0.0, np.nan, 1.0],
}


def check_each_element(each, expected):
    losses, grad, hess = each.value_grad_hess(PRED, np.zeros(5), reduction="none")
    lost = np.isnan(expected)
    np.testing.assert_array_equal(losses, expected)
    np.testing.assert_array_equal(grad, np.where(lost, np.nan, 1.0))
    np.testing.assert_array_equal(hess, np.where(lost, np.nan, 0.0))


@pytest.mark.parametrize("each", EXPECTED)
def test_raises_that_the_source_does_not_show_give_nan(each):
    check_each_element(each, EXPECTED[each])


@pytest.mark.parametrize("each", ON_THE_CPU)
def test_what_raises_on_the_cpu_is_nan(each):
    check_each_element(each, ON_THE_CPU[each])


def test_left_out_elements_may_raise():
    value, grad = of_a_tuple.value_and_grad(PRED, np.zeros(5), where=[True, False, True, False, True])
    assert value == 5 / 3
    np.testing.assert_array_equal(grad, np.array([1.0, 0.0, 1.0, 0.0, 1.0]) / 3)


def test_a_large_call_in_threads_writes_every_element(use_threads):
    use_threads(2)
    pred = np.ones(4 * _cpu.CHUNK)
    pred[_cpu.CHUNK + 3] = 7.0
    out = np.full(pred.size, 7.0)
    value, grad = of_a_tuple.value_and_grad(pred, np.zeros_like(pred), reduction="sum", grad_out=out)
    assert np.isnan(value)
    assert np.flatnonzero(np.isnan(grad)).tolist() == [_cpu.CHUNK + 3]
    assert np.nansum(grad) == pred.size - 1
    assert any(getattr(variant, "parallel", False) for variant in of_a_tuple._kernels)


@pytest.mark.parametrize("parallel", [False, True])
def test_a_kernel_of_which_a_part_ended_early_is_no_success(monkeypatch, parallel):
    @register_jitable
    def failing(row, layouts, places, numbers, start, stop):
        if start == row:
            raise MemoryError("none left")
        return float(stop - start)

    monkeypatch.setattr(_cpu, "_chunk_of", lambda *args: failing)
    variant = Variant(np.dtype(np.float64), False, False, (), False, True, False, True, parallel)
    kernel = numba.njit(parallel=parallel)(_cpu.make_kernel("failing", variant))
    pred = np.ones(4 * _cpu.CHUNK)

    def run(at):
        outs = None, np.empty_like(pred), None
        return kernel(at, NONE, 0, pred.size, pred, pred, None, None, (), 1.0, *outs)

    message = "a thread ended early, perhaps out of memory" if parallel else "none left"
    with pytest.raises(RuntimeError if parallel else MemoryError, match=message):
        run(_cpu.CHUNK)
    assert run(-1) == pred.size


def test_the_statistics_check_that_all_of_it_was_done():
    (check,) = (name for name in make_moments_kernel("any").__code__.co_names if name == "check")
    assert make_moments_kernel("any").__globals__[check] is _cpu.check
    with pytest.raises(RuntimeError, match=re.escape("the results are not complete")):
        _cpu.check(np.array([True, False]))
