"""Bad input gets one clear line that names the argument, and nothing is written."""

import math
import re

import numpy as np
import pytest

from fastloss import huber, smooth_l1

A = np.array([1.0, 2.0, 3.0])
F = A.astype(np.float32)
COLUMN = A.reshape(3, 1)
READ_ONLY = np.zeros(3)
READ_ONLY.flags.writeable = False


@pytest.fixture(autouse=True)
def _remembered():
    """Calls like the bad ones were made before, so that what is remembered of them can't let these pass."""
    for x in (A, F):
        for loss in (huber, smooth_l1):
            loss(x, x)
            loss.grad(x, x)
            loss.grad_and_hess(x, x)
            for params in ({"delta": 1.0}, {"beta": 1.0}):
                if params.keys() == loss.domains.keys():
                    loss(x, x, **params)


def masked():
    return np.ma.masked_array(A, mask=[0, 1, 0])


NOT_REAL = "must hold real numbers of at most 64 bits, got dtype"

REJECTED = {
    # shapes
    "length": (
        lambda: huber(A, A[:2]),
        ValueError,
        "target must have pred's shape (3,) or broadcast to it, got (2,)",
    ),
    "column against row": (
        lambda: huber(COLUMN, A),
        ValueError,
        "target must broadcast to pred's shape (3, 1), got (3,), which would make a result of shape (3, 3); "
        "reshape one of them",
    ),
    "row against column": (
        lambda: huber(A, COLUMN),
        ValueError,
        "target must broadcast to pred's shape (3,), got (3, 1), which would make a result of shape (3, 3)",
    ),
    "larger target": (
        lambda: huber(2.0, A),
        ValueError,
        "target must broadcast to pred's shape (), got (3,)",
    ),
    "ragged": (lambda: huber([[1.0], [1.0, 2.0]], A), ValueError, "pred is not an array: "),
    # types
    "longdouble": (
        lambda: huber(A.astype(np.longdouble), A),
        TypeError,
        f"pred {NOT_REAL} float128",
    ),
    "complex": (lambda: huber(A, A.astype(complex)), TypeError, f"target {NOT_REAL} complex128"),
    "object": (lambda: huber(A.astype(object), A), TypeError, f"pred {NOT_REAL} object"),
    "string": (lambda: huber(["a"], [1.0]), TypeError, f"pred {NOT_REAL} <U1"),
    "datetime": (lambda: huber(A.astype("M8[s]"), A), TypeError, f"pred {NOT_REAL} datetime64[s]"),
    "structured": (
        lambda: huber(np.zeros(3, "f8,f8"), A),
        TypeError,
        "pred must hold real numbers of at most 64 bits",
    ),
    "None": (lambda: huber(None, A), TypeError, f"pred {NOT_REAL} object"),
    "masked": (
        lambda: huber(A, masked()),
        TypeError,
        "target is a MaskedArray: pass its data, and its mask as where=~target.mask",
    ),
    # parameters
    "zero delta": (lambda: huber(A, A, delta=0.0), ValueError, "delta must be a number > 0 or inf, got 0.0"),
    "negative delta": (
        lambda: huber(A, A, delta=-1),
        ValueError,
        "delta must be a number > 0 or inf, got -1",
    ),
    "NaN delta": (
        lambda: huber(A, A, delta=math.nan),
        ValueError,
        "delta must be a number > 0 or inf, got nan",
    ),
    "NaN beta": (
        lambda: smooth_l1(A, A, beta=math.nan),
        ValueError,
        "beta must be a finite number >= 0, got nan",
    ),
    "infinite beta": (
        lambda: smooth_l1(A, A, beta=math.inf),
        ValueError,
        "beta must be a finite number >= 0, got inf",
    ),
    "negative beta": (
        lambda: smooth_l1(A, A, beta=-1e-9),
        ValueError,
        "beta must be a finite number >= 0, got -1e-09",
    ),
    "delta lost in float32": (
        lambda: huber(F, F, delta=1e-50),
        ValueError,
        "delta=1e-50 is 0.0 in float32, the type of this computation, and must be a number > 0 or inf there",
    ),
    "beta lost in float32": (
        lambda: smooth_l1(F, F, beta=1e39),
        ValueError,
        "beta=1e+39 is inf in float32, the type of this computation, and must be a finite number >= 0 there",
    ),
    "text delta": (lambda: huber(A, A, delta="1"), TypeError, "delta must be a number, got str '1'"),
    "complex delta": (lambda: huber(A, A, delta=1j), TypeError, "delta must be a number, got complex 1j"),
    "masked delta": (
        lambda: huber(A, A, delta=np.ma.masked),
        TypeError,
        "delta must be a number, got MaskedConstant masked",
    ),
    "endless delta": (
        lambda: smooth_l1(A, A, beta=-(10**400)),
        ValueError,
        "beta must be a finite number >= 0, got -1000000000",
    ),
    "delta None": (lambda: huber(A, A, delta=None), TypeError, "delta must be a number, got NoneType None"),
    # options
    "reduction": (
        lambda: huber(A, A, reduction="average"),
        ValueError,
        "reduction must be 'mean', 'sum' or 'none', got 'average'",
    ),
    "near reduction": (lambda: huber(A, A, reduction="Mean"), ValueError, "got 'Mean'; did you mean 'mean'?"),
    "unhashable reduction": (
        lambda: huber(A, A, reduction=["mean"]),
        ValueError,
        "reduction must be 'mean', 'sum' or 'none', got ['mean']",
    ),
    "reduction None": (
        lambda: huber(A, A, reduction=None),
        ValueError,
        "reduction must be 'mean', 'sum' or 'none', got None",
    ),
    "axis": (
        lambda: huber(A, A, axis=0),
        TypeError,
        "unknown keyword 'axis'; there is none: take reduction='none' and NumPy's own sums",
    ),
    "mask": (lambda: huber(A, A, mask=A), TypeError, "unknown keyword 'mask'; did you mean 'where'?"),
    "array reduction": (
        lambda: huber(A, A, reduction=A),
        ValueError,
        "reduction must be 'mean', 'sum' or 'none', got array([1., 2., 3.])",
    ),
    "misspelt": (lambda: huber(A, A, detla=1.0), TypeError, "unknown keyword 'detla'; did you mean 'delta'?"),
    "misspelt option": (
        lambda: huber(A, A, reductoin="sum"),
        TypeError,
        "unknown keyword 'reductoin'; did you mean 'reduction'?",
    ),
    "another loss's parameter": (lambda: huber(A, A, beta=1.0), TypeError, "unknown keyword 'beta'"),
    "output of another call": (
        lambda: huber(A, A, grad_out=A),
        TypeError,
        "this call does not compute what grad_out would hold",
    ),
    "zero normalizer": (
        lambda: huber(A, A, normalizer=0),
        ValueError,
        "normalizer must be a finite number > 0, got 0",
    ),
    "NaN normalizer": (
        lambda: huber(A, A, normalizer=math.nan),
        ValueError,
        "normalizer must be a finite number > 0, got nan",
    ),
    "infinite normalizer": (
        lambda: huber(A, A, normalizer=math.inf),
        ValueError,
        "normalizer must be a finite number > 0, got inf",
    ),
    "normalizer whose reciprocal overflows": (
        lambda: huber(F, F, normalizer=1e-40),
        ValueError,
        "gradients are multiplied by 1 / normalizer, which is inf in float32, the type of this computation, "
        "for normalizer=1e-40",
    ),
    "normalizer whose reciprocal underflows": (
        lambda: huber(F, F, normalizer=1e46),
        ValueError,
        "which is 0.0 in float32",
    ),
    "text normalizer": (
        lambda: huber(A, A, normalizer="n"),
        TypeError,
        "normalizer must be a number, got str 'n'",
    ),
    "array normalizer": (
        lambda: huber(A, A, normalizer=A),
        TypeError,
        "normalizer must be a number, got ndarray",
    ),
    # outputs
    "loss_out of a mean": (
        lambda: huber(A, A, loss_out=np.empty(3)),
        ValueError,
        "loss_out goes with reduction='none' only: a reduced value is one number",
    ),
    "output shape": (
        lambda: huber.grad(A, A, grad_out=np.empty(4)),
        ValueError,
        "grad_out must have shape (3,) and dtype float64, got (4,) and float64",
    ),
    "output type": (
        lambda: huber.grad(A, A, grad_out=np.empty(3, "f4")),
        ValueError,
        "grad_out must have shape (3,) and dtype float64, got (3,) and float32",
    ),
    "output list": (
        lambda: huber.grad(A, A, grad_out=[0.0] * 3),
        TypeError,
        "grad_out must be a NumPy array, got list",
    ),
    "masked output": (
        lambda: huber.grad(A, A, grad_out=np.ma.zeros(3)),
        TypeError,
        "grad_out must be a NumPy array, got MaskedArray",
    ),
    "read-only output": (
        lambda: huber.grad(A, A, grad_out=READ_ONLY),
        ValueError,
        "grad_out must be writeable, got a read-only array",
    ),
    "scalar output": (
        lambda: huber.grad(1.0, 2.0, grad_out=np.empty(1)),
        ValueError,
        "grad_out must have shape () and dtype float64, got (1,) and float64",
    ),
}


@pytest.mark.parametrize("case", REJECTED)
def test_bad_input_is_named(case):
    call, kind, message = REJECTED[case]
    with pytest.raises(kind, match=re.escape(message)) as caught:
        call()
    assert type(caught.value) is kind
    name = "smooth_l1" if "beta must" in message or "beta=" in message else "huber"
    assert str(caught.value).startswith(f"{name}: ")
    assert "\n" not in str(caught.value)


COMING = {
    "weight": lambda: huber(A, A, weight=A),
    "where": lambda: huber(A, A, where=A > 1),
    "delta as an array": lambda: huber(A, A, delta=A),
    "delta as an array is not supported": lambda: huber(A, A, delta=[1, [2, 3]]),
    "a target of another shape": lambda: huber(np.ones((2, 3)), A),
    "a target of another shape than pred's": lambda: huber(A, 1.0),
    "dtype int64": lambda: huber([1, 2], [1, 2]),
    "dtype float16": lambda: huber(A.astype("f2"), A.astype("f2")),
    "dtype float32": lambda: huber(F, A),
    "dtype >f8": lambda: huber(A.astype(">f8"), A.astype(">f8")),
    "strides (16,)": lambda: huber(np.zeros(6)[::2], A),
    "strides (-8,)": lambda: huber(A, A[::-1]),
    "strides (8, 24)": lambda: huber(np.zeros((3, 2), order="F"), np.zeros((3, 2), order="F")),
    "grad_out with strides (16,)": lambda: huber.grad(A, A, grad_out=np.zeros(6)[::2]),
    "target with a misaligned address": lambda: huber(A, np.frombuffer(bytes(25), offset=1)),
}


@pytest.mark.parametrize("case", COMING)
def test_what_this_version_lacks_says_so(case):
    with pytest.raises(NotImplementedError, match=re.escape(case)) as caught:
        COMING[case]()
    assert "in this version" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_cuda_arrays_are_not_supported_yet():
    class Device:
        __cuda_array_interface__ = {"shape": (3,)}  # noqa: RUF012

    with pytest.raises(NotImplementedError, match="huber: target is a CUDA array"):
        huber(A, Device())


def overlapping():
    """Outputs that overlap other arrays, by what the message says."""
    buffer = np.zeros(20)
    pred, target = buffer[0:5], buffer[5:10]
    pairs = np.zeros((5, 2))
    return (
        {
            "grad_out overlaps pred, expected pred itself or other memory": {"grad_out": buffer[1:6]},
            "grad_out overlaps target, expected target itself": {"grad_out": buffer[9:14]},
            "hess_out must not overlap grad_out": {"grad_out": buffer[10:15], "hess_out": buffer[14:19]},
            "hess_out overlaps target": {"grad_out": np.empty(5), "hess_out": buffer[6:11]},
            "grad_out with strides (16,)": {
                "grad_out": pairs[:, 0],
                "hess_out": pairs[:, 1],
            },  # interleaved: apart
        },
        pred,
        target,
        buffer,
    )


@pytest.mark.parametrize("message", overlapping()[0])
def test_overlapping_outputs_are_refused_and_nothing_is_written(message):
    cases, pred, target, buffer = overlapping()
    kind = NotImplementedError if "strides" in message else ValueError
    with pytest.raises(kind, match=re.escape(message)):
        huber.grad_and_hess(pred, target, **cases[message])
    assert not buffer.any()


def test_an_output_that_is_another_view_of_an_input_is_refused():
    square = np.arange(9.0).reshape(3, 3)
    with pytest.raises(ValueError, match="grad_out overlaps pred"):
        huber.grad(square, square.copy(), grad_out=square.T)
    with pytest.raises(ValueError, match="grad_out overlaps target"):
        huber.grad(A, (out := A.copy()).view(np.int64), grad_out=out)
    assert square.ravel().tolist() == list(range(9))
    assert (out == A).all()


def test_the_same_output_twice_is_refused():
    out = np.full(3, 7.0)
    with pytest.raises(ValueError, match="hess_out must not overlap grad_out"):
        huber.grad_and_hess(A, A, grad_out=out, hess_out=out)
    assert (out == 7).all()


@pytest.mark.parametrize(
    "bad",
    [{"delta": -1.0}, {"reduction": "avg"}, {"dleta": 1.0}, {"normalizer": -1}, {"hess_out": np.empty(2)}],
)
def test_nothing_is_written_when_another_argument_is_bad(bad):
    out = np.full(3, 7.0)
    with pytest.raises((TypeError, ValueError)):
        huber.grad_and_hess(A, A + 1, **{"grad_out": out, **bad})
    assert (out == 7).all()


def test_a_remembered_plan_does_not_skip_checks():
    huber(A, A, delta=1.0)
    for call in (
        lambda: huber(A, A, delta="1.0"),
        lambda: huber(A, A[:2], delta=1.0),
        lambda: huber(A, A, delta=1.0, reduction="avg"),
        lambda: huber(A, A, delta=1.0, normalizer=-1),
        lambda: huber(A, A, beta=1.0),
    ):
        with pytest.raises((TypeError, ValueError)):
            call()
