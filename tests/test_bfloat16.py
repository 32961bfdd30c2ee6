"""bfloat16 of the package ml_dtypes, which kernels read and write as they do float16."""

import numpy as np
import pytest

import fastloss
from fastloss import huber, smooth_l1
from fastloss._cpu import forms, movers
from fastloss._rules.options import CALLS

from .calls import invoke, outputs_of
from .layouts import FORMS, LAYOUTS
from .subprocesses import answer, run_python

ml_dtypes = pytest.importorskip("ml_dtypes")

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
BITS = np.arange(1 << 16, dtype=np.uint16)
EVERY = BITS.view(BFLOAT16)
WIDE = (BITS.astype(np.uint32) << 16).view(np.float32)  # the same numbers
RNG = np.random.default_rng(29)


def normal(*shape):
    return RNG.standard_normal(shape).astype(BFLOAT16)


def wide(x, dtype=np.float32):
    """Convert a bfloat16 array to another type; return anything else as it is."""
    return x.astype(dtype) if getattr(x, "dtype", None) == BFLOAT16 else x


def nearest(numbers):
    """The bits of the nearest bfloat16, ties to even, found from midpoints that are exact in float64."""
    finite = WIDE[:0x7F80].astype(np.float64)
    above = np.append(finite[1:], 2.0**128)
    halves = (finite + above) / 2
    magnitude = np.abs(numbers.astype(np.float64))
    found = np.searchsorted(halves, magnitude)  # the number of midpoints below
    tie = np.isin(magnitude, halves) & (found % 2 == 1)
    found = np.where(np.isnan(numbers), 0x7FC0, found + tie)
    return (found | np.signbit(numbers) * 0x8000).astype(np.uint16)


def same(found, bits):
    """Assert that a bfloat16 array has these bits, except for the payload of a NaN."""
    nan = (bits & 0x7FFF) > 0x7F80
    np.testing.assert_array_equal(np.isnan(wide(found)), nan)
    mask = np.where(nan, 0x8000, 0xFFFF).astype(np.uint16)
    np.testing.assert_array_equal(found.view(np.uint16) & mask, bits & mask)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_bfloat16_is_read(dtype):
    found = movers.copied(EVERY, 0, EVERY.size, np.dtype(dtype))
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(found, WIDE.astype(dtype))
    np.testing.assert_array_equal(np.signbit(found), np.signbit(WIDE))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_are_rounded_once_to_the_nearest_bfloat16(dtype):
    with np.errstate(all="ignore"):
        exact = WIDE.astype(dtype)
        ties = exact[1:] / 2 + exact[:-1] / 2
        near = [np.nextafter(ties, dtype(end)) for end in (-np.inf, np.inf)]
        scattered = RNG.standard_normal((81, 99)) * 10.0 ** np.arange(-45, 36)[:, None]
        more = scattered.ravel(), [1e300, -1e300, 3.3961e38, -3.3962e38, np.inf, -np.nan]
        # NaNs whose bits would carry into the exponent, or beyond the sign, if they were rounded
        nans = np.array([0x7F800001, 0x7FFFFFFF, 0xFF80FFFF, 0xFFFFFFFF], np.uint32).view(np.float32)
        numbers = np.concatenate([exact, ties, *near, *more, nans]).astype(dtype)
        rounded = numbers.astype(BFLOAT16)
    written = np.empty(numbers.shape, BFLOAT16)
    movers.move_between("put", written, 0, numbers)
    same(written, nearest(numbers))
    if dtype == np.float32:  # ml_dtypes rounds a float64 twice
        same(written, rounded.view(np.uint16))


@pytest.mark.parametrize("form", FORMS)
def test_any_layout_is_read_and_written_as_the_same_numbers_in_float32(form):
    pred, target = FORMS[form](normal(40, 30, 20)), FORMS[form](normal(40, 30, 20))
    weight = FORMS[form](abs(normal(40, 30, 20)))
    value, grad = huber.value_and_grad(wide(pred), wide(target), weight=wide(weight), delta=0.7)
    for _ in range(3):
        found = huber.value_and_grad(pred, target, weight=weight, delta=0.7)
        assert found[0] == value
        assert found[1].dtype == BFLOAT16
        np.testing.assert_array_equal(found[1], grad.astype(BFLOAT16))
    if not form.startswith("one"):
        out = FORMS[form](np.zeros((40, 30, 20), BFLOAT16))
        assert huber.value_and_grad(pred, target, weight=weight, delta=0.7, grad_out=out) == (value, out)
        np.testing.assert_array_equal(out, grad.astype(BFLOAT16))


@pytest.mark.parametrize("broadcast", [lambda x: x[0], lambda x: x[:, :1], lambda x: x[:1, :1]])
@pytest.mark.parametrize("operand", ["target", "weight", "delta"])
def test_operands_are_broadcast(operand, broadcast):
    shape = 37, 61
    given = {
        "target": normal(*shape),
        "weight": abs(normal(*shape)),
        "delta": abs(normal(*shape)) + BFLOAT16.type(1),
    }
    given[operand] = broadcast(given[operand])
    pred = normal(*shape)
    value, grad = huber.value_and_grad(wide(pred), **{name: wide(x) for name, x in given.items()})
    for order in "CF":
        found = huber.value_and_grad(pred.copy(order), **given)
        if order == "C":
            assert found[0] == value
        np.testing.assert_array_equal(found[1], grad.astype(BFLOAT16))


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("layout", [name for name in LAYOUTS if "swapped" not in name])
def test_outputs_of_every_call(layout, call):
    pred, target = LAYOUTS[layout](normal(3, 5, 40)), normal(3, 5, 40)
    for reduction in ("mean", "none"):
        expected = invoke(smooth_l1, call, wide(pred), wide(target), reduction=reduction)
        outs = outputs_of(call, reduction, pred.shape, BFLOAT16)
        given = {name: LAYOUTS[layout](out) for name, out in outs.items()}
        for results in (
            invoke(smooth_l1, call, pred, target, reduction=reduction),
            invoke(smooth_l1, call, pred, target, reduction=reduction, **given),
        ):
            for quantity, result in results.items():
                np.testing.assert_array_equal(
                    result, np.asarray(expected[quantity]).astype(np.asarray(result).dtype)
                )
                assert np.ndim(result) == 0 or result.dtype == BFLOAT16
        assert all(any(result is out for result in results.values()) for out in given.values())


@pytest.mark.parametrize("name", ["pred", "target"])
def test_the_gradient_may_replace_an_input(name):
    operands = {"pred": normal(9, 700), "target": normal(9, 700)}
    value, grad = huber.value_and_grad(**{name: wide(x) for name, x in operands.items()})
    found = huber.value_and_grad(**operands, grad_out=operands[name])
    assert found[0] == value
    np.testing.assert_array_equal(operands[name], grad.astype(BFLOAT16))


@pytest.mark.parametrize("other", ["?", "i1", "i4", "f2", "f4", "f8", ">f4", "bfloat16"])
def test_types_are_computed_in_float32_or_float64(other):
    pred = normal(300)
    target = normal(300) if other == "bfloat16" else (RNG.standard_normal(300) * 3).astype(other)
    dtype = np.float32 if other in ("f2", "f4", ">f4", "bfloat16") else np.float64
    for one, two in ((pred, target), (target, pred)):
        value, grad = huber.value_and_grad(one.astype(dtype), two.astype(dtype))
        found = huber.value_and_grad(one, two)
        expected = one.dtype.newbyteorder("=") if one.dtype.kind in "fV" else np.dtype(np.float64)
        assert found[0] == value
        assert found[1].dtype == expected
        bits = nearest(grad).view(BFLOAT16) if expected == BFLOAT16 else grad.astype(expected)
        np.testing.assert_array_equal(found[1], bits)


def test_bfloat16_is_computed_in_float32():
    pred = np.full(3, 100, BFLOAT16)
    assert huber(pred, 2.0**-7, delta=1000) == np.float32(100 - 2.0**-7) ** 2 / 2  # an error of 14 bits


def test_numbers_of_this_type():
    one, two = BFLOAT16.type(1.5), np.array(0.25, BFLOAT16)
    assert huber(one, two, delta=one, weight=two, normalizer=two) == huber(1.5, 0.25, delta=1.5)
    result = huber(one, 0.25, reduction="none")
    assert isinstance(result, BFLOAT16.type)  # as for an array
    out = np.zeros((), BFLOAT16)
    assert huber.grad(np.array(1.0, BFLOAT16), 1e-3, grad_out=out) is out
    assert out == BFLOAT16.type(np.float32(1) - np.float32(1e-3))
    assert huber([one, one], [two, two]) == huber([1.5, 1.5], [0.25, 0.25])


def test_a_form_seen_before_is_remembered(calls_of):
    used = calls_of(forms.Form, "run")
    for k in range(4):
        pred, target = normal(12, 8), normal(8)
        found = huber.value_and_grad(pred, target, weight=wide(abs(target)))
        expected = huber.value_and_grad(wide(pred), wide(target), weight=wide(abs(target)))
        assert found[0] == expected[0]
        np.testing.assert_array_equal(found[1], expected[1].astype(BFLOAT16))
        assert len(used) == 2 * max(0, k - 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weight": [1, 2, -3]}, "huber: weight must be a finite number >= 0, got -3.0"),
        ({"weight": [np.nan, 2, 3]}, "huber: weight must be a finite number >= 0, got nan"),
        ({"weight": [np.inf, 2, 3]}, "huber: weight must be a finite number >= 0, got inf"),
        ({"delta": [1, 0, 1]}, "huber: delta must be a number > 0 or inf, got 0.0"),
        ({"delta": [1, 2, np.nan]}, "huber: delta must be a number > 0 or inf, got nan"),
        ({"where": [0, 1, 1]}, "huber: where must hold booleans, got dtype bfloat16; did you mean 'weight'?"),
        ({"grad_out": [0, 1]}, r"huber: grad_out must have shape \(3,\) and dtype bfloat16, got \(2,\) and"),
    ],
)
def test_errors(options, message):
    given = {name: np.array(x, BFLOAT16) for name, x in options.items()}
    for _ in range(3):
        with pytest.raises((TypeError, ValueError), match=message):
            huber.grad(normal(3), normal(3), **given)


def test_weights_that_the_mask_leaves_out_are_not_checked():
    pred, target, where = normal(3), normal(3), np.array([True, True, False])
    for bad in (np.nan, -1.0):
        weight = np.array([1, 2, bad], BFLOAT16)
        expected = huber(wide(pred)[:2], wide(target)[:2], weight=wide(weight)[:2])
        assert huber(pred, target, weight=weight, where=where) == expected
        with pytest.raises(ValueError, match="weight must be a finite number >= 0"):
            huber(pred, target, weight=weight, where=~where)


@pytest.mark.parametrize("name", ["float8_e4m3fn", "float8_e5m2", "int4"])
def test_no_other_type_of_ml_dtypes_is_taken(name):
    x = np.ones(3).astype(getattr(ml_dtypes, name))
    with pytest.raises(TypeError, match=f"pred must hold real numbers of at most 64 bits, got dtype {name}"):
        huber(x, 0.0)


@pytest.mark.parametrize("dtype", ["V2", [("bfloat16", "u2")]])
def test_no_other_two_bytes_are_taken(dtype):
    with pytest.raises(TypeError, match="target must hold real numbers of at most 64 bits"):
        huber(np.ones(3), np.zeros(3, dtype))


def test_thresholds_that_adapt():
    pred, target = normal(50, 4), normal(50, 4)
    for make in (
        lambda: fastloss.DynamicSmoothL1(k=3),
        lambda: fastloss.SelfAdjustingSmoothL1(num_features=4),
    ):
        loss, other = make(), make()
        for _ in range(2):
            value, grad = loss.value_and_grad(pred, target)
            assert grad.dtype == BFLOAT16
            assert np.isfinite(value)
            other.value_and_grad(wide(pred), wide(target))
        np.testing.assert_allclose(loss.beta, other.beta, rtol=2**-8)


def test_nothing_is_compiled_where_the_user_is_debugging():
    code = """
import json, ml_dtypes, numpy as np
from fastloss import huber
pred, target, weight = np.random.default_rng(0).random((3, 20, 30)).astype(ml_dtypes.bfloat16)
wide = [x.astype(np.float32) for x in (pred, target, weight)]
exact = huber.value_and_grad(wide[0], wide[1], weight=wide[2])
value, grad = huber.value_and_grad(pred, target, weight=weight)
losses = huber(pred[::2, ::-1], target[0], reduction="none")
print(json.dumps([value == exact[0], grad.dtype.name, bool((grad == exact[1].astype(grad.dtype)).all()),
    losses.dtype.name, losses.shape]))
"""
    found = answer(run_python(code, env={"NUMBA_DISABLE_JIT": "1"}))
    assert found == [True, "bfloat16", True, "bfloat16", [10, 30]]
