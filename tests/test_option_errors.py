"""Bad parameters and options raise an error of one line that names the argument."""

import math

import numpy as np
import pytest

from fastloss import huber, smooth_l1

from .refused import COLUMN, NOT_REAL, A, F, assert_refused, masked

pytestmark = pytest.mark.usefixtures("remembered")

REJECTED = {
    # parameters
    "delta shape": (
        lambda: huber(A, A, delta=[1.0, 2.0]),
        ValueError,
        "delta must have pred's shape (3,) or broadcast to it, got (2,)",
    ),
    "delta of more axes": (
        lambda: huber(A, A, delta=COLUMN),
        ValueError,
        "delta must broadcast to pred's shape (3,), got (3, 1)",
    ),
    "array delta of a scalar": (
        lambda: huber(1.0, 2.0, delta=[1.0]),
        ValueError,
        "delta must broadcast to pred's shape (), got (1,)",
    ),
    "complex delta that equals one": (
        lambda: huber(A, A, delta=1 + 0j),
        TypeError,
        "delta must be a number, got complex (1+0j)",
    ),
    "complex array of one delta": (
        lambda: huber(A, A, delta=np.array(1j)),
        TypeError,
        "delta must be a number, got ndarray",
    ),
    "endless target": (lambda: huber(A, 10**400), ValueError, "target must be a number of float64, got 1000"),
    "masked deltas": (
        lambda: huber(A, A, delta=masked()),
        TypeError,
        "delta is a MaskedArray: pass its data, and its mask as where=~delta.mask",
    ),
    "complex deltas": (lambda: huber(A, A, delta=[1j, 1, 1]), TypeError, f"delta {NOT_REAL} complex128"),
    "text deltas": (lambda: huber(A, A, delta=["1", "2", "3"]), TypeError, f"delta {NOT_REAL} <U1"),
    "ragged deltas": (lambda: huber(A, A, delta=[1, [2, 3]]), ValueError, "delta is not an array: "),
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
        "unknown keyword 'axis'; there is no axis: use reduction='none' and sum with NumPy",
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
        lambda: huber.grad(F, F, normalizer=1e-40),
        ValueError,
        "derivatives are multiplied by 1 / normalizer, which must be a normal number in float32, the type of "
        "this computation, got normalizer = 1e-40",
    ),
    "normalizer whose reciprocal underflows": (
        lambda: huber.grad(F, F, normalizer=1e38),
        ValueError,
        "must be a normal number in float32",
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
}


@pytest.mark.parametrize("case", REJECTED)
def test_bad_options_are_named(case):
    call, kind, message = REJECTED[case]
    loss = "smooth_l1" if "beta must" in message or "beta=" in message else "huber"
    assert_refused(call, kind, message, loss)


def test_a_remembered_plan_does_not_skip_checks():
    huber(A, A, delta=1.0)
    for call, message in (
        (lambda: huber(A, A, delta="1.0"), "delta must be a number"),
        (lambda: huber(A, A[:2], delta=1.0), "target must have pred's shape"),
        (lambda: huber(A, A, delta=1.0, reduction="avg"), "reduction must be"),
        (lambda: huber(A, A, delta=1.0, normalizer=-1), "normalizer must be"),
        (lambda: huber(A, A, beta=1.0), "unknown keyword 'beta'"),
    ):
        with pytest.raises((TypeError, ValueError), match=f"huber: {message}"):
            call()
