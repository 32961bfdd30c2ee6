"""Laws that hold for any data, drawn by hypothesis."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import fastloss
from fastloss.losses import shipped

from .reference import assert_close, cases, elementwise

# Below 2**50 no square overflows in float32; of tiny ones the square underflows, within the tolerance.
SIZES = st.integers(0, 40) | st.sampled_from([511, 512, 513])


@st.composite
def pairs(draw, sizes=SIZES):
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    width = np.dtype(dtype).itemsize * 8
    numbers = st.floats(-(2.0**50), 2.0**50, width=width) | st.floats(-3, 3, width=width)
    size = draw(sizes)
    return draw(arrays(dtype, size, elements=numbers)), draw(arrays(dtype, size, elements=numbers))


quick = settings(max_examples=60, deadline=None)


@quick
@given(pairs(), st.sampled_from(cases()))
def test_elements_equal_the_reference(pair, case):
    pred, target = pair
    name, params = case
    results = shipped()[name].value_grad_hess(pred, target, reduction="none", **params)
    for result, expected in zip(results, elementwise(name, pred, target, params), strict=True):
        assert_close(result, expected, pred.dtype)


@quick
@given(pairs(), st.sampled_from(cases()))
def test_value_is_even_and_gradient_odd_in_the_error(pair, case):
    pred, target = pair
    name, params = case
    value, grad, hess = shipped()[name].value_grad_hess(pred, target, reduction="none", **params)
    mirrored = shipped()[name].value_grad_hess(target, pred, reduction="none", **params)
    np.testing.assert_array_equal(mirrored[0], value)
    np.testing.assert_array_equal(mirrored[1], -grad)
    np.testing.assert_array_equal(mirrored[2], hess)


@quick
@given(pairs(sizes=st.integers(1, 600)), st.randoms(use_true_random=False))
def test_elements_do_not_know_their_place(pair, random):
    pred, target = pair
    order = list(range(pred.size))
    random.shuffle(order)
    value, grad = fastloss.huber.value_and_grad(pred, target, reduction="none")
    moved = fastloss.huber.value_and_grad(pred[order], target[order], reduction="none")
    np.testing.assert_array_equal(moved[0], value[order])
    np.testing.assert_array_equal(moved[1], grad[order])
    assert fastloss.huber(pred[order], target[order]) == pytest.approx(
        fastloss.huber(pred, target), rel=1e-12
    )


@quick
@given(pairs(), st.integers(-20, 20), st.sampled_from([0.3, 1.0, 5.0]))
def test_huber_scales_exactly_with_powers_of_two(pair, exponent, delta):
    pred, target = (np.round(x.clip(-1e6, 1e6), 3) for x in pair)
    factor = pred.dtype.type(2.0**exponent)
    value, grad = fastloss.huber.value_and_grad(pred, target, delta=delta, reduction="none")
    scaled = fastloss.huber.value_and_grad(
        pred * factor, target * factor, delta=delta * float(factor), reduction="none"
    )
    np.testing.assert_array_equal(scaled[0], value * factor * factor)
    np.testing.assert_array_equal(scaled[1], grad * factor)


@quick
@given(pairs(sizes=st.integers(1, 600)))
def test_gradients_are_bounded_and_values_ordered(pair):
    pred, target = pair
    huber = fastloss.huber.value_and_grad(pred, target, delta=2.0, reduction="none")
    assert (abs(huber[1]) <= 2).all()
    assert (huber[0] <= fastloss.half_squared_error(pred, target, reduction="none")).all()
    smooth = fastloss.smooth_l1.value_and_grad(pred, target, beta=0.5, reduction="none")
    assert (abs(smooth[1]) <= 1).all()
    assert (smooth[0] <= fastloss.absolute_error(pred, target, reduction="none")).all()


@quick
@given(pairs(sizes=st.integers(1, 600)), st.sampled_from(sorted(shipped())), st.floats(1e-3, 1e3))
def test_reductions_agree(pair, name, normalizer):
    pred, target = pair
    loss = shipped()[name]
    total = loss(pred, target, reduction="sum")
    assert loss(pred, target) == total / pred.size
    assert loss(pred, target, normalizer=normalizer) == total / normalizer
    elements = loss(pred, target, reduction="none").astype(np.float64)
    assert total == pytest.approx(elements.sum(), rel=1e-12)
