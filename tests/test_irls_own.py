"""IRLS weights that a loss defines itself, and the code from which the weights of any loss are made."""

import pickle
from math import exp, inf, isnan, log1p

import numpy as np
import pytest

import fastloss
from fastloss import huber, labels, loss, positive, real
from tests.caches import SETUP, run

from .calls import DTYPES

FACTOR = 2.0


@loss(target=labels(0, 1), irls_weights="hess")
def logistic(pred, target):
    chance = 1 / (1 + exp(-pred))
    return log1p(exp(pred)) - target * pred, chance - target, chance * (1 - chance)


def double_weight(pred, target, scale):
    return FACTOR * scale / (1 + abs(pred - target))


@loss(scale=positive(default=1.0), irls_weights=double_weight)
def with_its_own(pred, target, scale):
    return pred - target, scale, 0.0


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_loss_without_an_error_has_its_second_derivative(dtype):
    pred, target = np.array([-2, 0, 1, 1], dtype), np.array([0, 1, 1, 7], dtype)
    found = logistic.irls_weights(pred, target)
    np.testing.assert_array_equal(found, logistic.grad_and_hess(pred, target, reduction="none")[1])
    assert found[1] == 0.25
    assert isnan(found[3])

    @loss(irls_weights="hess")
    def quadratic(pred, target):
        return (pred - target) ** 2, 2 * (pred - target), 2.0

    np.testing.assert_array_equal(
        quadratic.irls_weights(np.array([1, np.nan, np.inf], dtype), 0.0), [2, np.nan, 2]
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_loss_gives_weights_of_its_own(dtype):
    pred, target = np.array([0.0, 1.0, -3.0], dtype), np.zeros(3, dtype)
    for scale in (1.0, 3.0):
        found = with_its_own.irls_weights(pred, target, scale=scale, weight=[1.0, 2.0, 1.0])
        np.testing.assert_allclose(found, np.array([2.0, 2.0, 0.5]) * scale, rtol=1e-6)
    assert with_its_own.grad(pred, target, scale=3.0, reduction="sum").tolist() == [3.0, 3.0, 3.0]


def test_a_corner_that_shows_in_the_gradient_is_infinite():
    @loss
    def tilted(pred, target):
        return abs(pred - target), -1 if pred <= target else 1, 0

    assert tilted.irls_weights([2.0, 1.0, 4.0], [2.0, 2.0, 2.0]).tolist() == [inf, 1.0, 0.5]


def plain(pred, target, low=0.0):
    return pred - target, 1.0, 0.0


def raising(pred, target):
    if pred > target:
        raise ValueError
    return pred


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("grad", r"irls_weights must be 'hess' or a plain Python function of \(pred, target\), got 'grad'"),
        (np.hypot, "irls_weights must be 'hess' or a plain Python function .*, got <ufunc 'hypot'>"),
        (huber, "irls_weights must be 'hess' or a plain Python function .*, got <fastloss loss huber>"),
        (plain, r"irls_weights must take \(pred, target\) as the loss does; it takes \(pred, target, low"),
        (raising, "irls_weights must not raise"),
    ],
)
def test_a_definition_of_other_weights_is_refused(given, message):
    with pytest.raises(TypeError, match=f"^loss mine: {message}"):

        @loss(irls_weights=given)
        def mine(pred, target):
            return pred - target, 1.0, 0.0


def test_what_cannot_be_compiled_is_told_and_can_be_repaired():
    def weigh(pred, target):
        return helper(pred - target)

    @loss(irls_weights=weigh)
    def mine(pred, target):
        return pred - target, 1.0, 0.0

    helper = str.upper
    with pytest.raises(
        TypeError, match=rf"^irls_weights of loss mine \(.*test_irls_own.py, line {LINE}\) cannot"
    ):
        mine.irls_weights([1.0], [0.0])
    helper = abs
    assert mine.irls_weights([-3.0], [0.0]).tolist() == [3.0]


LINE = test_what_cannot_be_compiled_is_told_and_can_be_repaired.__code__.co_firstlineno + 1


def test_the_code_is_that_of_the_loss_at_its_first_use():
    factor = 2.0

    def weigh(pred, target):
        return factor

    @loss(irls_weights=weigh)
    def own(pred, target):
        return pred, factor, 0.0

    @loss
    def ratio(pred, target):
        return pred, factor * pred, factor

    for each in (own, ratio):
        factor = 2.0
        each.grad([1.0], [0.0])
        factor = 3.0
        assert each.irls_weights([1.0], [0.0]).tolist() == [2.0]


PICKLED = f"""{SETUP}
import pickle
def make(factor):
    def weigh(pred, target, scale):
        return factor * scale
    @fastloss.loss("alias", scale=fastloss.positive(default=3.0), irls_weights=weigh)
    def own(pred, target, scale):
        return pred, 1.0, 0.0
    @fastloss.loss(irls_weights="hess")
    def second(pred, target):
        return pred, 1.0, factor
    @fastloss.loss
    def ratio(pred, target):
        return pred, factor * (pred - target), 0.0
    return own, second, ratio
def found(losses):
    return [each.irls_weights(np.array([2.0]), np.array([1.0])).tolist() for each in losses]
"""


def test_pickles_and_kept_kernels_have_the_weights(tmp_path):
    script = tmp_path / "script.py"
    names = ["own", "ratio", "second"]
    for compiled in (names, []):
        script.write_text(f"{PICKLED}losses = make(2.0)\nreport(found(losses))")
        assert run(script, tmp_path / "cache", cwd=tmp_path) == [[[6.0], [2.0], [2.0]], compiled]
    script.write_text(f"{PICKLED}open('it', 'wb').write(pickle.dumps(make(5.0)))\nreport(0)")
    run(script, tmp_path / "cache", cwd=tmp_path)
    read = f"{SETUP}\nimport pickle\nlosses = pickle.load(open('it', 'rb'))\n"
    call = "report([each.irls_weights(np.array([2.0]), np.array([1.0])).tolist() for each in losses])"
    assert run(read + call, tmp_path / "cache", cwd=tmp_path)[0] == [[15.0], [5.0], [5.0]]
    assert pickle.loads(pickle.dumps(huber.irls_weights)) == huber.irls_weights


def test_no_kernel_is_shared_with_the_gradient_and_each_is_compiled_ahead(tmp_path):
    code = """
fastloss.warmup("huber", calls="irls_weights", dtypes="float64", reductions="none", parallel=False)
made = len(recorded.buffer)
pred, target = np.array([0.0, 4.0]), np.zeros(2)
weights = fastloss.huber.irls_weights(pred, target).tolist()
none = len(recorded.buffer) == made
report([weights, none, fastloss.huber.grad(pred, target, reduction="none").tolist()])
"""
    for compiled in (["huber"] * 2, []):
        assert run(SETUP + code, tmp_path) == [[[1.0, 0.25], True, [0.0, 1.0]], compiled]
    with pytest.raises(
        ValueError,
        match=r"warmup: calls must be among .*irls_weights, got 'irls_weight'; did you mean 'irls_weights'",
    ):
        fastloss.warmup("huber", calls="irls_weight")


def test_the_name_is_no_parameter():
    with pytest.raises(TypeError, match="weights_out is taken by every call"):

        @loss(weights_out=real(default=0.0))
        def mine(pred, target, weights_out):
            return pred, 1.0, 0.0
