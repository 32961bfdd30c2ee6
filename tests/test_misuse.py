"""Calls and definitions in the style of other libraries: the error says what to write instead."""

import functools
import inspect
import math
import re
import warnings

import numpy as np
import pytest
from numba import njit

import fastloss
from fastloss import Loss, between, huber, loss, positive, real, squared_error
from tests.subprocesses import answer, run_python

P, T = np.ones(3), np.zeros(3)

CALLS = {
    "a parameter by its place": (
        lambda: huber(P, T, 1.0),
        "huber: only pred and target are positional, got 1.0 as a third argument; did you mean delta=1.0?",
    ),
    "a reduction by its place": (
        lambda: huber.value_and_grad(P, T, "sum"),
        "huber: only pred and target are positional, got 'sum' as a third argument; "
        "did you mean reduction='sum'?",
    ),
    "a weight by its place": (
        lambda: huber.grad(P, T, P),
        "huber: only pred and target are positional, got array([1., 1., 1.]) as a third argument; "
        "did you mean weight=array([1., 1., 1.])?",
    ),
    "a number that no parameter wants": (
        lambda: squared_error.grad_and_hess(P, T, 2),
        "squared_error: only pred and target are positional, got 2 as a third argument; "
        "did you mean weight=2?",
    ),
    "scikit-learn's names": (
        lambda: huber(y_true=T, y_pred=P),
        "huber: pred or target is missing: write huber(pred, target), "
        "with 'y_pred' as pred and 'y_true' as target",
    ),
    "PyTorch's name": (
        lambda: huber.value_grad_hess(input=P, target=T),
        "huber: pred or target is missing: write huber(pred, target), with 'input' as pred",
    ),
    "another name": (
        lambda: huber(P, labels=T),
        "huber: pred or target is missing: write huber(pred, target), with 'labels' as target",
    ),
    "nothing": (lambda: huber(), "huber: pred or target is missing: write huber(pred, target)"),
    "a name beside both": (
        lambda: huber(P, T, preds=P),
        "huber: unknown keyword 'preds'; did you mean 'pred'?",
    ),
}


@pytest.mark.parametrize("case", CALLS)
@pytest.mark.usefixtures("remembered")
def test_a_call_in_anothers_words_says_what_to_write(case):
    call, message = CALLS[case]
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        call()


def test_pred_and_target_may_be_named():
    assert huber(pred=P, target=T) == huber(P, target=T) == 0.5


def test_signatures_show_what_is_to_be_written():
    for call in (
        huber,
        huber.grad,
        huber.value_and_grad,
        huber.grad_and_hess,
        huber.value_grad_hess,
        huber.irls_weights,
    ):
        parameters = inspect.signature(call).parameters
        assert list(parameters)[:3] == ["pred", "target", "weight"]
        assert parameters["pred"].default is parameters["target"].default is inspect.Parameter.empty
        assert parameters["weight"].kind is inspect.Parameter.KEYWORD_ONLY


class Model:
    def method(self, pred, target):
        return pred - target, 1.0, 0.0


def plain(pred, target, low=0.0):
    return pred - target, 1.0, 0.0


NO_FUNCTIONS = {
    "a bound method": (Model().method, "bound method: write a function outside of the class"),
    "a partial": (functools.partial(plain, low=1.0), "write a function with the fixed values as globals"),
    "a compiled function": (njit(plain), "which is compiled already: remove its decorator"),
    "a builtin": (math.hypot, "expected a plain Python function, got <built-in function hypot>"),
    "a class": (Model, "expected a plain Python function, got <class '"),
    "a loss": (huber, "expected a plain Python function, got <fastloss loss huber>"),
}


@pytest.mark.parametrize("define", [loss, loss("name"), lambda formula: Loss(formula, {})])
@pytest.mark.parametrize("case", NO_FUNCTIONS)
def test_what_is_no_function_is_named_with_a_way_out(define, case):
    given, message = NO_FUNCTIONS[case]
    with pytest.raises(TypeError, match=r"^loss: expected a plain Python function, got ") as caught:
        define(given)
    assert message in str(caught.value)


def test_the_class_takes_domains_in_any_order_as_the_decorator_does():
    def linear(pred, target, slope, shift):
        return slope * (pred - target) + shift, slope, 0.0

    made = Loss(linear, {"shift": real(0.0), "slope": positive(default=1.0)})
    assert made(P, T, slope=2.0, shift=5.0) == 7.0
    assert list(made.domains) == ["slope", "shift"]
    with pytest.raises(TypeError, match=r"loss linear: the function must take \(pred, target, slope\)"):
        Loss(linear, {"slope": real(0.0)})
    with pytest.raises(TypeError, match="loss linear: slope needs a domain"):
        Loss(linear, {"slope": 1.0, "shift": real(0.0)})


def test_domains_cannot_be_changed_behind_remembered_calls():
    with pytest.raises(TypeError, match="does not support item assignment"):
        huber.domains["delta"] = positive(default=2.0)


@pytest.mark.parametrize(
    "formula",
    [
        lambda *both: both,
        lambda pred, target, *rest: rest,
        lambda pred, *, target: pred,
        lambda pred, **more: pred,
    ],
)
def test_a_function_of_other_kinds_of_arguments_is_refused(formula):
    with pytest.raises(TypeError, match=r"the function must take \(pred, target\)"):
        loss(formula)


def test_positional_parameters_may_be_positional_only():
    @loss(scale=positive())
    def scaled(pred, target, /, scale):
        return scale * (pred - target), scale, 0.0

    assert scaled(P, T, scale=2.0) == 2.0


def test_numbas_reason_is_told_where_the_numbers_tried_would_fail():
    @loss(order=between(1, 3))
    def logarithmic(pred, target, order):
        return math.log(order - 1) + math.fsum((pred, target)), 1.0, 0.0

    @loss
    def rooted(pred, target):
        return math.sqrt(pred - 5) + math.fsum((pred, target)), 1.0, 0.0

    for call in (lambda: logarithmic(P, T, order=2.0), lambda: rooted(P, T)):
        with pytest.raises(TypeError, match="cannot be compiled by Numba: Unknown attribute 'fsum'"):
            call()


@pytest.mark.parametrize(
    "call",
    [
        lambda: huber([], []),
        lambda: huber.value_and_grad([], []),
        lambda: fastloss.SelfAdjustingSmoothL1(2)(np.zeros((0, 2)), np.zeros((0, 2))),
        lambda: fastloss.SelfAdjustingSmoothL1(2).value_and_grad(np.zeros((0, 2)), np.zeros((0, 2))),
        lambda: fastloss.DynamicSmoothL1().value_and_grad([], []),
    ],
)
def test_warnings_point_at_the_callers_line(call):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    assert [each.filename for each in caught] == [__file__]
    assert caught[0].lineno == call.__code__.co_firstlineno


def test_without_numbas_compiler_values_are_floats_and_silent():
    code = """
import json
import numpy as np, fastloss
values = fastloss.huber(np.ones(3), np.zeros(3)), fastloss.huber(3.0, 1.0), fastloss.huber(1e308, -1e308)
value, grad = fastloss.squared_error.value_and_grad(np.full(3, 1e200), np.zeros(3))
print(json.dumps([[type(each).__name__ for each in (*values, value)], value]))
"""
    assert answer(run_python(code, env={"NUMBA_DISABLE_JIT": "1"})) == [["float"] * 4, math.inf]
