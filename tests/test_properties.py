"""Properties that hold for any data, drawn by Hypothesis."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from mpmath import mpf

import fastloss
from fastloss._definition.domain import Labels, real
from fastloss._rules.options import CALLS, REDUCTIONS
from fastloss.losses import shipped

from .calls import invoke
from .exact import REFERENCES
from .layouts import LAYOUTS, contiguous
from .reference import assert_close, assert_elements, cases, different_in_kind, reduced

# Below 2**50 no square overflows float32. The squares of tiny numbers underflow, within the tolerance.
FAR, NEAR = 2.0**50, 3.0
STEP = 2.0**-20  # from an excluded bound, so that inverse squares do not overflow
SIZES = st.integers(0, 40) | st.sampled_from([511, 512, 513])


def numbers(domain, width):
    """Draw numbers of a domain, far from 0 and near it."""
    if isinstance(domain, Labels):
        return st.sampled_from(domain.values)
    low = domain.low if domain.low_included else domain.low + STEP
    high = domain.high if domain.high_included else domain.high - STEP
    far, near = (st.floats(max(low, -end), min(high, end), width=width) for end in (FAR, NEAR))
    return far | near


@st.composite
def pairs(draw, sizes=SIZES, loss=fastloss.huber):
    """Draw predictions and targets in the domains of a loss."""
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    width = np.dtype(dtype).itemsize * 8
    size = draw(sizes)
    elements = [numbers(loss.operands.get(name, real()), width) for name in ("pred", "target")]
    return tuple(draw(arrays(dtype, size, elements=each)) for each in elements)


def with_pairs(cases, sizes=SIZES):
    """Draw a loss with its parameters, and operands in its domains."""
    return st.sampled_from(cases).flatmap(
        lambda case: st.tuples(st.just(case), pairs(sizes, shipped()[case[0]]))
    )


quick = settings(max_examples=60, deadline=None)


@quick
@given(with_pairs(cases()))
def test_elements_equal_the_reference(drawn):
    (name, params), (pred, target) = drawn
    results = shipped()[name].value_grad_hess(pred, target, reduction="none", **params)
    assert_elements(results, name, pred, target, params)


def is_even(case):
    """Whether value and second derivative are even, and the gradient is odd, in the error."""
    name, params = case
    if not REFERENCES[name].of_error:
        return False
    exact = [mpf(value) for value in params.values()]
    value, grad, hess = REFERENCES[name].exact(mpf(1.7), mpf(0), *exact)
    return REFERENCES[name].exact(mpf(0), mpf(1.7), *exact) == [value, -grad, hess]


@quick
@given(pairs(), st.sampled_from(list(filter(is_even, cases()))))
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
def test_elements_do_not_depend_on_their_position(pair, random):
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
@given(with_pairs([(name, {}) for name in different_in_kind()], st.integers(1, 600)), st.floats(1e-3, 1e3))
def test_reductions_agree(drawn, normalizer):
    (name, _), (pred, target) = drawn
    loss = shipped()[name]
    total = loss(pred, target, reduction="sum")
    assert loss(pred, target) == total / pred.size
    assert loss(pred, target, normalizer=normalizer) == total / normalizer
    elements = loss(pred, target, reduction="none").astype(np.float64)
    assert total == pytest.approx(elements.sum(), rel=0, abs=1e-12 * abs(elements).sum())


TYPES = ["f2", "f4", "f8", ">f4", ">f8", "i1", "u2", "i8", "?"]


@st.composite
def calls(draw):
    """Draw a call with operands of any shape, type and layout."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = tuple(draw(st.lists(st.integers(1, 7), max_size=4)))

    def operand(low, high, types=TYPES, fixed=False):
        part = [size if fixed or draw(st.booleans()) else 1 for size in shape]
        part = part if fixed else part[draw(st.integers(0, len(part))) :]
        values = (rng.integers(4 * low, 4 * high, part) / 4).astype(draw(st.sampled_from(types)))
        layouts = LAYOUTS if values.ndim else ["C"]
        return LAYOUTS[draw(st.sampled_from(list(layouts)))](values)

    name = "huber"  # each loss would compile a hundred kernels
    options = {}
    if draw(st.booleans()):
        options["weight"] = operand(0, 3)
    if draw(st.booleans()):
        options["where"] = operand(0, 2, ["?"])
    for parameter in shipped()[name].domains:
        choice = draw(st.sampled_from(REFERENCES[name].choices))[parameter]
        options[parameter] = operand(1, 5) if draw(st.booleans()) else choice
    reduction = draw(st.sampled_from(REDUCTIONS))
    if reduction == "mean" and draw(st.booleans()):
        options["normalizer"] = draw(st.floats(0.5, 100))
    call = draw(st.sampled_from(sorted(CALLS)))
    return name, call, operand(-9, 9, fixed=True), operand(-9, 9), options | {"reduction": reduction}


@settings(max_examples=300, deadline=None)
@given(calls(), st.booleans(), st.sampled_from(list(LAYOUTS)))
@pytest.mark.filterwarnings("ignore:.*the mean over:RuntimeWarning")
def test_layouts_types_and_options_together(drawn, gives_outputs, layout):
    name, call, pred, target, options = drawn
    narrow = all(x.dtype.kind == "f" and x.dtype.itemsize <= 4 for x in (pred, target))
    dtype = np.float32 if narrow else np.float64
    kind = pred.dtype.newbyteorder("=") if pred.dtype.kind == "f" else np.dtype(np.float64)
    with np.errstate(all="ignore"):
        expected = reduced(name, pred, target, dtype=dtype, **options)
    outs = {}
    if gives_outputs and pred.ndim:
        wanted = CALLS[call]
        names = {
            "loss_out": wanted.value and options["reduction"] == "none",
            "grad_out": wanted.grad,
            "hess_out": wanted.hess,
        }
        outs = {out: LAYOUTS[layout](np.full(pred.shape, 7, kind)) for out in names if names[out]}
    results = invoke(shipped()[name], call, pred, target, **options, **outs)
    plain = {key: contiguous(x) if isinstance(x, np.ndarray) else x for key, x in options.items()}
    again = invoke(shipped()[name], call, contiguous(pred), contiguous(target), **plain)
    for quantity, result in results.items():
        np.testing.assert_array_equal(result, again[quantity])
        precision = dtype if np.ndim(result) == 0 else min(kind, np.dtype(dtype), key=lambda t: t.itemsize)
        kept = expected[quantity]
        if np.ndim(result):
            assert result.dtype.newbyteorder("=") == kind
            with np.errstate(over="ignore"):  # float16 overflows above 65,504
                kept = kept.astype(kind).astype(float)
        assert_close(result, kept, precision, ulps=8)
