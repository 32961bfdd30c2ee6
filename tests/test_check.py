"""What `check_loss` reports for correct losses, and for mistakes planted in others."""

from math import copysign, cosh, log, sqrt, tanh

import numpy as np
import pytest

import fastloss
from fastloss import between, check_loss, labels, loss, math, positive
from fastloss._check.differences import slopes
from fastloss._check.evaluation import PRED, VALUE, subject_of
from fastloss.losses import shipped


@pytest.mark.parametrize("name", shipped())
def test_nothing_is_wrong_with_a_shipped_loss(name):
    assert check_loss(shipped()[name]) == []


@loss
def wrong_sign(pred, target):
    T, error = type(pred), pred - target
    return error * error, T(-2) * error, T(2)


@loss
def half_gradient(pred, target):
    T, error = type(pred), pred - target
    return error * error, error, T(2)


@loss
def double_value(pred, target):
    T, error = type(pred), pred - target
    return T(2) * error * error, T(2) * error, T(2)


@loss(scale=positive(default=1.0))
def no_chain_rule(pred, target, scale):
    T, error = type(pred), (pred - target) / scale
    return T(0.5) * error * error, error, T(1) / (scale * scale)


@loss
def by_target(pred, target):
    T = type(pred)
    return pred * target * target, T(2) * pred * target, T(0)


@loss(delta=positive(default=1.0))
def double_hess(pred, target, delta):
    T, error = type(pred), pred - target
    if abs(error) > delta:
        return delta * (abs(error) - T(0.5) * delta), copysign(delta, error), T(0)
    return T(0.5) * error * error, error, T(2)


@loss(delta=positive(default=1.0))
def hess_of_other_branch(pred, target, delta):
    T, error = type(pred), pred - target
    if abs(error) > delta:
        return delta * (abs(error) - T(0.5) * delta), copysign(delta, error), T(1)
    return T(0.5) * error * error, error, T(1)


@loss(delta=positive(default=1.0))
def grad_of_other_branch(pred, target, delta):
    T, error = type(pred), pred - target
    if abs(error) > delta:
        return delta * (abs(error) - T(0.5) * delta), error, T(0)
    return T(0.5) * error * error, error, T(1)


@loss(scale=positive(default=1.0))
def hess_of_something_else(pred, target, scale):
    T, error = type(pred), pred - target
    curve = T(1) + (error / scale) * (error / scale)
    return T(0.5) * scale * scale * math.log1p((error / scale) * (error / scale)), error / curve, T(1) / curve


@loss(delta=positive(default=1.0))
def lost_constant(pred, target, delta):
    T, error = type(pred), pred - target
    if abs(error) > delta:
        return delta * abs(error), copysign(delta, error), T(0)
    return T(0.5) * error * error, error, T(1)


@loss(delta=positive(default=1.0))
def nan_hidden(pred, target, delta):
    T, error = type(pred), pred - target
    if abs(error) <= delta:
        return T(0.5) * error * error, error, T(1)
    return delta * (abs(error) - T(0.5) * delta), copysign(delta, error), T(0)


@loss(target=labels(-1, 1))
def nan_in_the_domain(pred, target):
    T = type(pred)
    return math.log(pred * target), T(1) / pred, T(-1) / (pred * pred)


@loss(power=between(0, 1, default=0.5, included=True))
def nan_at_a_parameter(pred, target, power):
    T, error = type(pred), pred - target
    return error * error * (power / power), T(2) * error, T(2)


@loss
def index_beyond(pred, target):
    T, error = type(pred), pred - target
    factor = (T(1), T(2))[2 if error > T(3) else 1]
    return factor * error, factor + (error - error), T(0)


@loss
def float64_literal(pred, target):
    T, error = type(pred), pred - target
    return 0.5 * error * error, error, T(1)


@loss(delta=positive(default=1.0))
def cancelling(pred, target, delta):
    T, error = type(pred), pred - target
    root = sqrt(T(1) + (error / delta) * (error / delta))
    return delta * delta * (root - T(1)), error / root, T(1) / (root * root * root)


@loss
def two_results(pred, target):
    return pred - target, 1.0


@loss
def no_return(pred, target):
    T, error = type(pred), pred - target
    if error > T(0):
        return error, T(1), T(0)


@loss
def text(pred, target):
    return pred - target, str(pred), 1.0


SAID = {
    wrong_sign: "grad has the wrong sign: -2 at pred=1, target=0, where the derivative of value is 2 ",
    half_gradient: "grad is 0.5 times what it should be: 1 at pred=1, target=0, where the derivative of ",
    double_value: "grad is 0.5 times what it should be: ",
    no_chain_rule: "grad is scale times what it should be: ",
    by_target: "grad is the derivative by target, not by pred: ",
    double_hess: "hess is 2 times what it should be: 2 at pred=0, target=0, delta=1, where the derivative ",
    hess_of_other_branch: "hess is that of the other branch above pred=1: 1 at pred=2, target=0, delta=1",
    grad_of_other_branch: "grad is that of the other branch above pred=1: 2 at pred=2, target=0, delta=1",
    hess_of_something_else: "hess is not the derivative: ",
    lost_constant: "value jumps from 1.0000000000000002 to 0.5 at pred=-1, target=0, delta=1",
    nan_hidden: "grad hides NaN: 1 at pred=nan, target=0, delta=1",
    nan_in_the_domain: "value: NaN at pred=1, target=-1, which the domains allow",
    nan_at_a_parameter: "value: NaN at pred=0, target=0, power=0, which the domains allow (as plain ",
    index_beyond: "value, grad, hess: NaN at pred=4, target=0, which the domains allow (as plain Python",
    float64_literal: "float32 becomes float64 in line ",
    cancelling: "value loses digits in float32, by cancellation: 0 at ",
    two_results: "loss two_results must return (value, gradient, second derivative), three real numbers; for",
    no_return: "loss no_return must return (value, gradient, second derivative), three real numbers; for "
    "float32 numbers one of its branches returns nothing",
    text: "loss text must return (value, gradient, second derivative), three real numbers; for float32 ",
}


@pytest.mark.parametrize("planted", SAID, ids=lambda planted: planted.name)
def test_a_planted_mistake_is_the_only_finding_and_is_named(planted):
    (finding,) = check_loss(planted)
    assert finding.startswith(SAID[planted])
    assert "\n" not in finding


def test_a_value_at_odds_with_both_derivatives_is_what_may_be_wrong():
    (finding,) = check_loss(double_value)
    assert finding.endswith("hess is the derivative of grad, so that value may be what is wrong")


def test_the_line_of_a_literal_is_quoted():
    (finding,) = check_loss(float64_literal)
    assert "of test_check.py, `return 0.5 * error * error, error, T(1)`: write T = type(pred), and" in finding


def test_a_naive_log_cosh_overflows_and_loses_digits():
    @loss
    def naive(pred, target):
        T, error = type(pred), pred - target
        slope = tanh(error)
        return log(cosh(error)), slope, T(1) - slope * slope

    overflow, *lost = check_loss(naive)
    assert overflow == "value overflows in float32: inf at pred=90, target=0, where float64 gives 89.3069"
    assert [finding.partition(",")[0] for finding in lost] == [
        "value loses digits in float32",
        "hess loses digits in float32",
    ]


def test_cancellation_in_float64_is_found_where_literals_hide_it_from_float32():
    @loss(delta=positive(default=1.0))
    def naive(pred, target, delta):
        error = pred - target
        root = sqrt(1 + (error / delta) ** 2)
        return delta * delta * (root - 1), error / root, 1 / root**3

    literal, lost = check_loss(naive)
    assert "`root = sqrt(1 + (error / delta) ** 2)`" in literal
    assert lost.startswith("value loses digits by cancellation: near pred=")


@pytest.mark.parametrize("slope", [-1.0, -0.25, 0.0, 1.0])
def test_any_subgradient_will_do_at_a_corner_and_nothing_else(slope):
    def absolute(pred, target):
        T, error = type(pred), pred - target
        corner = T(slope) + error
        return abs(error), (copysign(T(1), error) if abs(error) > T(0) else corner), T(0)

    assert check_loss(loss(absolute)) == []
    slope += copysign(1.5, slope)
    (finding,) = check_loss(loss(absolute))
    assert finding.startswith(
        f"grad is not the derivative: {slope:g} at pred=1, target=1, where the derivative "
    )
    assert "of value is -1 from below and 1 from above by differences" in finding


def test_a_target_that_some_parameters_refuse_is_no_finding_but_one_that_all_do_is():
    def refusing(pred, target, power):
        T, error = type(pred), pred - target
        if target < T(0) and power > T(limit):
            return T(np.nan), T(np.nan), T(np.nan)
        return error * error, T(2) * error, T(2)

    limit = 0.5
    declared = loss(power=between(0, 1, default=0.5, included=True))
    assert check_loss(declared(refusing)) == []
    limit = -1.0
    (finding,) = check_loss(declared(refusing))
    assert finding.startswith("value, grad, hess: NaN at ")


def test_differences_bound_their_own_errors():
    subject = subject_of(fastloss.huber)
    rows = np.array([[0.5, 0.0, 1.0], [1.0, 0.0, 1.0], [-7.0, 0.0, 1.0], [1e6, 0.0, 1e-2]])
    for side in (1, -1):
        found = slopes(subject, rows, VALUE, PRED, side)
        np.testing.assert_allclose(found.found, [0.5, 1.0, -1.0, 1e-2], rtol=1e-7)
        assert (abs(found.found - [0.5, 1.0, -1.0, 1e-2]) <= found.error).all()
        assert (found.error < 1e-6).all()


def test_another_seed_draws_other_points_and_finds_the_same():
    assert check_loss(wrong_sign, seed=1)[0].partition(":")[0] == check_loss(wrong_sign)[0].partition(":")[0]


def test_what_is_no_loss_is_refused():
    with pytest.raises(
        TypeError, match=r"check_loss: expected a loss, as fastloss\.loss makes it, got 'huber'"
    ):
        check_loss("huber")
