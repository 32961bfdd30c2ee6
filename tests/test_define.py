"""Losses: how they are displayed, and how users define them."""

import inspect
import math
import pickle
import pydoc
import re

import numpy as np
import pytest
from numba.extending import register_jitable

import fastloss
from fastloss import Domain, Loss, between, loss, nonnegative, positive, real
from fastloss.losses import shipped

SCALE = 3.0


def test_a_loss_shows_its_name_signature_and_docs():
    assert repr(fastloss.huber) == "<fastloss loss huber>"
    signature = inspect.signature(fastloss.huber)
    assert list(signature.parameters) == [
        "pred", "target", "weight", "where", "reduction", "normalizer", "loss_out", "stream", "delta"
    ]  # fmt: skip
    assert signature.parameters["delta"].default == 1.0
    assert inspect.signature(fastloss.absolute_error).parameters.keys() == signature.parameters.keys() - {
        "delta"
    }
    assert "Huber, " in fastloss.huber.__doc__
    assert "`fastloss.Loss`" in fastloss.huber.__doc__
    call = (
        "huber(pred, target, *, weight=None, where=None, reduction='mean', normalizer=None, loss_out=None, "
        "stream=None, delta=1.0)"
    )
    assert call in pydoc.render_doc(fastloss.huber)
    assert fastloss.Loss.value_and_grad.__doc__
    assert pickle.loads(pickle.dumps(fastloss.huber)) is fastloss.huber


@pytest.mark.parametrize("name", shipped())
def test_shipped_losses_are_documented(name):
    doc = inspect.getdoc(shipped()[name])
    assert "Examples\n--------" in doc
    for parameter in shipped()[name].domains:
        assert re.search(rf"^{parameter} : float", doc, re.M), f"add {parameter} to the docstring of {name}"


@loss
def log_cosh(pred, target):
    error = abs(pred - target)
    return (
        error + math.log1p(math.exp(-2 * error)) - math.log(2.0),
        math.tanh(pred - target),
        1 - math.tanh(error) ** 2,
    )


@loss("pinball", tau=between(0, 1, default=0.5))
def quantile(pred, target, tau):
    error = target - pred
    if error > 0:
        return tau * error, -tau, 0
    return (tau - 1) * error, 1 - tau, 0


def square(x):
    return SCALE * x * x


@loss(shift=real(default=0.0), scale=positive())  # in another order than the function's
def shifted(pred, target, scale, shift):
    error = (pred - target - shift) / scale
    return square(error), 2 * SCALE * error / scale, 2 * SCALE / scale**2


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_users_loss_gets_every_call(dtype):
    pred, target = np.linspace(-3, 3, 1001).astype(dtype), np.zeros(1001, dtype)
    value, grad, hess = log_cosh.value_grad_hess(pred, target, reduction="none")
    assert value.dtype == grad.dtype == hess.dtype == dtype
    tolerance = 1e-6 if dtype == np.float32 else 1e-14
    np.testing.assert_allclose(value, np.log(np.cosh(pred.astype(float))), rtol=0, atol=tolerance)
    np.testing.assert_allclose(grad, np.tanh(pred.astype(float)), rtol=0, atol=tolerance)
    assert log_cosh(pred, target) == pytest.approx(float(value.astype(float).mean()), rel=1e-12)


def test_a_bare_literal_is_float64_inside_and_cast_back():
    pred, target = np.array([0.1, 7.0], np.float32), np.zeros(2, np.float32)
    exact = np.float32(float(pred[0]) + math.log1p(math.exp(-2 * float(pred[0]))) - math.log(2.0))
    assert log_cosh(pred, target, reduction="none")[0] == exact


def test_gradients_are_cast_before_they_are_scaled():
    pred, target = np.linspace(-3, 3, 77, dtype=np.float32), np.zeros(77, np.float32)
    elements = log_cosh.grad_and_hess(pred, target, reduction="none")
    for scaled, element in zip(log_cosh.grad_and_hess(pred, target), elements, strict=True):
        np.testing.assert_array_equal(scaled, element * np.float32(1 / 77))


def test_a_default_is_checked_in_the_type_of_the_computation():
    @loss(tiny=positive(default=1e-50))
    def divided(pred, target, tiny):
        return (pred - target) / tiny, 1 / tiny, 0.0

    assert divided([1e-50], [0.0]) == 1.0
    single = np.ones(1, np.float32)
    with pytest.raises(ValueError, match=r"divided: tiny=1e-50 is 0\.0 in float32"):
        divided(single, single)


def test_parameters_defaults_and_mixed_returns():
    assert quantile.aliases == ("pinball",)
    assert quantile([0.0, 2.0], [1.0, 1.0], tau=0.75) == 0.5
    assert quantile.grad([0.0, 2.0], [1.0, 1.0], reduction="sum").tolist() == [-0.5, 0.5]
    with pytest.raises(ValueError, match="quantile: tau must be a number > 0 and < 1, got 1"):
        quantile([0.0], [1.0], tau=1)


def test_plain_helpers_and_several_parameters():
    value, grad, hess = shifted.value_grad_hess([3.0], [0.0], shift=1.0, scale=2.0, reduction="sum")
    assert (value, grad.tolist(), hess.tolist()) == (3.0, [3.0], [1.5])
    assert shifted([3.0], [0.0], scale=2.0, shift=1.0, reduction="sum") == 3.0
    assert shifted([3.0], [0.0], scale=1.0, shift=2.0, reduction="sum") == 3.0
    with pytest.raises(TypeError, match="shifted: scale has no default, pass scale=a finite number > 0"):
        shifted([3.0], [0.0])


@loss
def reciprocal(pred, target):
    return 1 / (pred - target), 0.0, 0.0


def test_dividing_by_zero_gives_infinity_as_in_numpy():
    assert reciprocal([1.0, 2.0], [1.0, 0.0], reduction="none").tolist() == [math.inf, 0.5]


def test_a_helper_that_numba_knows_already():
    @register_jitable
    def twice(x):
        return 2 * x

    @loss
    def doubled(pred, target):
        return twice(pred - target), 2.0, 0.0

    assert doubled([3.0], [1.0]) == 4.0


def test_losses_of_one_name_stay_apart():
    def make(factor):
        @loss
        def scaled(pred, target):
            return factor * (pred - target), factor, 0.0

        return scaled

    one, two = make(1.0), make(2.0)
    assert one([3.0], [0.0]) == 3.0
    assert two([3.0], [0.0]) == 6.0
    assert one([3.0], [0.0]) == 3.0


def raising(pred, target):
    assert pred > 0
    return pred, 0.0, 0.0


BROKEN = {
    "a parameter not declared": (
        lambda: loss(lambda pred, target, tau: (0.0, 0.0, 0.0)),
        "the function must take (pred, target), as the decorator declares; it takes (pred, target, tau)",
    ),
    "a parameter not taken": (
        lambda: loss(tau=positive())(lambda pred, target: (0.0, 0.0, 0.0)),
        "the function must take (pred, target, tau)",
    ),
    "too few arguments": (
        lambda: loss(lambda pred: (0.0, 0.0, 0.0)),
        "the function must take (pred, target)",
    ),
    "no domain": (
        lambda: loss(tau=0.5)(lambda pred, target, tau: (0.0, 0.0, 0.0)),
        "tau needs a domain such as positive(default=1.0), got 0.5",
    ),
    "the name of an option": (
        lambda: loss(weight=positive())(lambda pred, target, weight: (0.0, 0.0, 0.0)),
        "weight is taken by every call, choose another name",
    ),
    "a default in the function": (
        lambda: loss(tau=positive())(lambda pred, target, tau=0.5: (0.0, 0.0, 0.0)),
        "give defaults in the decorator",
    ),
    "a formula that raises": (lambda: loss(raising), "a formula must not raise"),
    "not a function": (
        lambda: loss("name")(math.sin),
        "expected a plain Python function, got <built-in function sin>",
    ),
    "an alias that is none": (lambda: loss(3), "other names must be str, got 3"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_bad_definition_is_refused(case):
    define, message = BROKEN[case]
    with pytest.raises(TypeError, match=re.escape(message)):
        define()


def test_a_formula_that_returns_too_little_is_named():
    @loss
    def lonely(pred, target):
        return pred - target

    with pytest.raises(
        TypeError,
        match=r"loss lonely \(.*test_define.py, line \d+\) must return "
        r"\(value, gradient, second derivative\), three real numbers, got 0.5",
    ):
        lonely([1.0], [2.0])


def test_a_formula_that_numba_cannot_compile_is_named_with_the_line():
    @loss
    def untyped(pred, target):
        error = pred - target
        return error, len(Loss.__name__), 0.0

    @loss
    def unknown(pred, target):
        error = pred - target
        return error, math.fsum((error, 1.0)), 0.0

    @loss
    def importing(pred, target):
        import json

        return pred - target, float(len(json.dumps(1))), 0.0

    for each, reason in ((untyped, "name 'Loss'"), (unknown, "'fsum'"), (importing, "IMPORT_NAME")):
        with pytest.raises(TypeError, match=rf"loss {each.name} \(.*test_define.py, line \d+\)") as caught:
            each([1.0], [2.0])
        message = str(caught.value)
        assert "cannot be compiled by Numba: " in message
        assert reason in message
        assert "\n" not in message
        last = each.formula.__code__.co_firstlineno + (2 if each is importing else 3)
        assert re.search(rf"test_define.py\D+{last}\D?$", message), message


def test_a_formula_that_fails_as_python_is_named():
    @loss
    def unbound(pred, target):
        return no_such_name(pred), 0.0, 0.0  # noqa: F821

    with pytest.raises(
        TypeError, match=r"loss unbound .* as plain Python it raises NameError: .*no_such_name"
    ):
        unbound([1.0], [2.0])


@pytest.mark.parametrize(
    ("domain", "inside", "outside", "words"),
    [
        (positive(), [1e-300, 1e300], [0, -1, math.inf, math.nan], "a finite number > 0"),
        (positive(infinite=True), [1.0, math.inf], [0.0, math.nan], "a number > 0 or inf"),
        (nonnegative(), [0.0, 5.0], [-1e-300, math.inf, math.nan], "a finite number >= 0"),
        (real(), [-1e300, 0.0], [math.inf, -math.inf, math.nan], "a finite number"),
        (between(0, 1), [0.5], [0, 1, math.nan], "a number > 0 and < 1"),
        (Domain(1, 2, True, True), [1, 2], [0.9, 2.1], "a number >= 1 and <= 2"),
    ],
)
def test_domains(domain, inside, outside, words):
    assert all(value in domain for value in inside)
    assert not any(value in domain for value in outside)
    assert str(domain) == words


def test_bounds_must_rise():
    for low, high in ((1, 0), (1, 1), (math.nan, 1)):
        with pytest.raises(ValueError, match="low must be below high in a domain"):
            between(low, high)


def test_a_default_must_lie_in_its_domain():
    with pytest.raises(ValueError, match="the default must be a finite number > 0, got 0"):
        positive(default=0)


def test_a_loss_is_an_object_of_the_public_class():
    assert isinstance(log_cosh, Loss)
    assert log_cosh.formula(1.0, 1.0) == (0.0, 0.0, 1.0)
