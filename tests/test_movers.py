"""Rows of every type and layout are copied as NumPy casts them, and nothing beside them is written."""

import numpy as np
import pytest

from fastloss import huber, squared_error
from fastloss._cpu import movers

from .layouts import FORMS

MOVED = "? i1 u1 i2 u2 i4 u4 i8 u8 f2 f4 f8 >i2 >u4 >i8 >f2 >f4 >f8".split()  # noqa: SIM905


@pytest.mark.parametrize("dtype", MOVED)
@pytest.mark.parametrize("compute", ["f4", "f8"])
def test_rows_are_fetched_as_numpy_casts(dtype, compute):
    x = (np.random.default_rng(16).standard_normal((40, 30, 20)) * 50).astype(dtype)
    for name, form in FORMS.items():
        expected = form(x).astype(compute).reshape(-1)
        for start, size in ((0, 1), (0, 512), (5, 300), (37, 512), (expected.size - 100, 100)):
            row = np.full(size + 8, 99, compute)
            movers.move_between("fetch", form(x), start, row[:size])
            np.testing.assert_array_equal(row[:size], expected[start : start + size], err_msg=name)
            assert (row[size:] == 99).all(), name


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f2", ">f4", ">f8"])
@pytest.mark.parametrize("form", [name for name in FORMS if not name.startswith("one")])
def test_gradients_of_any_type_and_layout_are_written_as_numpy_casts(form, dtype):
    given = FORMS[form](np.full((40, 30, 20), 7, dtype))
    pred = np.random.default_rng(17).standard_normal(given.shape).astype(dtype)
    expected = squared_error.grad(pred.astype("f4" if pred.itemsize < 8 else "f8"), 0.5, reduction="sum")
    assert squared_error.grad(pred, 0.5, reduction="sum", grad_out=given) is given
    np.testing.assert_array_equal(given, expected.astype(dtype))


@pytest.mark.usefixtures("few_threads")
def test_outputs_in_another_order_than_pred():
    pred, target = np.random.default_rng(18).standard_normal((2, 37, 2100)).astype(np.float32)
    value, grad, hess = huber.value_grad_hess(pred, target)
    outs = {"grad_out": np.asfortranarray(grad * 0), "hess_out": np.asfortranarray(grad * 0)}
    again = huber.value_grad_hess(pred, np.asfortranarray(target), **outs)
    assert again[0] == value
    np.testing.assert_array_equal(again[1], grad)
    np.testing.assert_array_equal(again[2], hess)


@pytest.mark.parametrize("dtype", ["f4", "f8", "i2"])
@pytest.mark.parametrize("shape", [(8, 8), (9, 17), (70, 100), (3, 300), (300, 5), (2, 40, 30)])
def test_tiles_are_transposed_by_squares_and_by_what_is_left(shape, dtype):
    pred, target, delta = (10 * np.random.default_rng(0).standard_normal((3, *shape))).astype(dtype)
    delta = abs(delta).astype(dtype) + 1
    given = {"target": np.asfortranarray(target), "delta": np.asfortranarray(delta)}
    out = np.full((*shape[::-1], 2), 9, "f8" if dtype == "i2" else dtype)
    for grad_out in (np.empty(shape, out.dtype, "F"), out[..., 0].T):  # Fortran order, also with gaps
        value, grad = huber.value_and_grad(pred, **given, grad_out=grad_out)
        expected = huber.value_and_grad(pred, target, delta=delta)
        assert value == expected[0]
        np.testing.assert_array_equal(grad, expected[1])
    assert (out[..., 1] == 9).all()


def test_memory_around_an_output_is_left_alone():
    """Rows are copied as a whole, but the last one may be shorter."""
    for size in (1, 511, 512, 513, 1500):
        whole = np.full((2, size + 64), 9.0)
        for out in (whole[0, 7 : 7 + size], whole[:, 3 : 3 + size][1, ::-1]):
            squared_error.grad(np.ones(size), 0.0, reduction="sum", grad_out=out)
        assert (whole == 9).sum() == 2 * 64
