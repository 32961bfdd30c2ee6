"""Bad operands, weights and masks raise an error of one line that names the argument."""

from importlib.util import find_spec

import numpy as np
import pytest

from fastloss import huber

from .foreign import OnDevice
from .refused import COLUMN, NOT_REAL, A, assert_refused, masked

pytestmark = pytest.mark.usefixtures("remembered")

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
    "masked weight": (
        lambda: huber(A, A, weight=masked()),
        TypeError,
        "weight is a MaskedArray: pass its data, and its mask as where=~weight.mask",
    ),
    "complex weight": (lambda: huber(A, A, weight=1j), TypeError, f"weight {NOT_REAL} complex128"),
    "text weight": (lambda: huber(A, A, weight="balanced"), TypeError, f"weight {NOT_REAL} <U8"),
    "weight shape": (
        lambda: huber(A, A, weight=A[:2]),
        ValueError,
        "weight must have pred's shape (3,) or broadcast to it, got (2,)",
    ),
    "weight of more axes": (
        lambda: huber(A, A, weight=COLUMN),
        ValueError,
        "weight must broadcast to pred's shape (3,), got (3, 1), which would make a result of shape (3, 3)",
    ),
    "where of numbers": (
        lambda: huber(A, A, where=A),
        TypeError,
        "where must hold booleans, got dtype float64; did you mean 'weight'?",
    ),
    "where of integers": (
        lambda: huber(A, A, where=[0, 1, 1]),
        TypeError,
        "where must hold booleans, got dtype int64; pass where != 0",
    ),
    "ragged where": (
        lambda: huber(A, A, where=[[True], [True, False]]),
        ValueError,
        "where is not an array: ",
    ),
    "masked where": (
        lambda: huber(A, A, where=np.ma.masked_array(A > 1)),
        TypeError,
        "where is a MaskedArray, expected an array of booleans",
    ),
    "where shape": (
        lambda: huber(A, A, where=[True, False]),
        ValueError,
        "where must have pred's shape (3,) or broadcast to it, got (2,)",
    ),
    "where of more axes": (
        lambda: huber(A, A, where=COLUMN > 1),
        ValueError,
        "where must broadcast to pred's shape (3,), got (3, 1)",
    ),
}


@pytest.mark.parametrize("case", REJECTED)
def test_bad_input_is_named(case):
    assert_refused(*REJECTED[case])


def test_host_arrays_take_no_stream():
    with pytest.raises(TypeError, match="huber: stream is only allowed with CUDA arrays"):
        huber(A, A, stream=1)


@pytest.mark.skipif(find_spec("numba_cuda") is not None, reason="numba-cuda is installed")
def test_without_numba_cuda_the_line_to_install_is_told():
    for call in (lambda: huber(OnDevice(), 0.0), lambda: huber(A, A, weight=OnDevice())):
        with pytest.raises(
            ImportError, match=r"huber: CUDA arrays need numba-cuda: pip install 'fastloss\[cuda13\]'"
        ):
            call()
