"""Operands that NumPy would convert silently, or whose own code raises: errors name the argument."""

import re

import numpy as np
import pytest

import fastloss
from fastloss import absolute_error, huber

A = np.array([1.0, 2.0, 3.0])
F = A.astype(np.float32)
MASKED = np.ma.masked_array(A, mask=[0, 1, 0])


class Quantity:
    """A number or an array with a unit, as in pint."""

    def __init__(self, numbers):
        self.numbers = np.asarray(numbers, float)

    @property
    def units(self):
        return "metre"

    def __array__(self, dtype=None, copy=None):
        return self.numbers

    def __float__(self):
        return float(self.numbers)


class Measured(np.ndarray):
    """An array with a unit, as in Astropy."""

    unit = "metre"


class Raising:
    """An array that raises when it is converted, as PyTorch tensors that require grad do."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("not now,\nsorry")


class Endless:
    """An object whose DLPack methods all raise."""

    def __dlpack__(self, **options):
        raise KeyError("nothing here")

    def __dlpack_device__(self):
        raise OSError("no device")


def give(name, value, out=None):
    given = {"pred": A, "target": A} | {name: value}
    return huber.grad(given.pop("pred"), given.pop("target"), grad_out=out, **given)


ARGUMENTS = "pred", "target", "weight", "where", "delta", "normalizer"
REFUSED = {
    "a duration": (np.timedelta64(5, "ns"), "{}.* got .*timedelta64"),
    "a quantity": (Quantity(5.0), "{} has units, got Quantity"),
    "quantities": (Quantity(A), "{} has units, got Quantity"),
    "a subclass with a unit": (A.view(Measured), "{} has units, got Measured"),
    "an array that raises": (
        Raising(),
        "{} must be an array that NumPy can read, got Raising: not now, sorry",
    ),
    "DLPack that raises": (Endless(), "{} must.*got .*Endless"),
    "an int that Python does not write": (None, "{} must be .*, got one of type int"),
}


@pytest.mark.parametrize("name", ARGUMENTS)
@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_read_as_it_is_meant_names_the_argument(case, name):
    value, message = REFUSED[case]
    if case.startswith("an int"):
        value = -(10**5000)
    out = np.full(3, 7.0)
    with pytest.raises((TypeError, ValueError), match="^huber: " + message.format(name)) as caught:
        give(name, value, out)
    assert "\n" not in str(caught.value)
    assert (out == 7).all()


LISTS = {
    "masked rows": ([MASKED, MASKED], "is a list of masked arrays"),
    "masked rows among others": ([A, MASKED], "is a list of masked arrays"),
    "masked rows, deeper": ([[A, A], (A, MASKED)], "is a list of masked arrays"),
    "quantities": ([Quantity(1.0)] * 3, "has units, got Quantity"),
    "rows of quantities": ([Quantity(A), Quantity(A)], "has units, got Quantity"),
    "what raises": ([Raising()] * 3, "must be an array that NumPy can read, got list: not now"),
}


@pytest.mark.parametrize("name", ["pred", "target", "weight", "delta"])
@pytest.mark.parametrize("case", LISTS)
def test_lists_keep_masks_and_units_of_what_is_in_them(case, name):
    value, message = LISTS[case]
    given = {"pred": np.ones((2, 2, 3)), "target": 0.0} | {name: value}
    for _ in range(3):  # until the form is remembered
        with pytest.raises(TypeError, match=f"^huber: {name} {message}"):
            huber(
                given["pred"], given["target"], **{x: given[x] for x in given if x not in ("pred", "target")}
            )


def test_lists_of_plain_arrays_are_arrays():
    rows = [A, [1, np.float32(2), True], (3, 4, 5)]
    for _ in range(3):
        found = huber.grad(np.zeros((3, 3)), rows, weight=[A, A, A], reduction="none")
        np.testing.assert_array_equal(
            found, huber.grad(np.zeros((3, 3)), np.array(rows), weight=A, reduction="none")
        )


def test_outputs_with_units_are_refused():
    with pytest.raises(TypeError, match="huber: grad_out has units, got Measured"):
        huber.grad(A, A, grad_out=A.copy().view(Measured))


def test_objects_in_a_mask_are_to_be_told():
    with pytest.raises(
        TypeError, match="where must hold booleans, got dtype object; say True or False for each"
    ):
        huber(A, A, where=np.array([True, None, False]))


def test_scalars_of_float16_have_results_of_float16_as_arrays_have():
    one, two = np.float16(1), np.float16(2.3)
    for target in (two, float(two), np.float32(two)):
        for found in huber.value_grad_hess(one, target, reduction="none"):
            assert type(found) is np.float16
        expected = huber(np.array([one]), np.array([target]), reduction="none")
        assert huber(one, target, reduction="none") == expected[0]
    assert type(huber(one, np.float64(2.3), reduction="none")) is np.float64


@pytest.mark.parametrize("call", ["__call__", "grad"])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("scale", [1e-40, 1e-44, 1e-50, 1e-320])
def test_weights_that_float32_would_round_are_refused(scale, reduction, call):
    weights = np.array([1.0, 2.0, 3.4])
    evaluate = getattr(absolute_error, call)
    message = re.escape("weight must be large enough to keep its digits in float32")
    for pred in (F, np.stack([F, F])):  # a weight for each element, and one to broadcast
        for _ in range(2):  # valid weights first, until the form is remembered
            evaluate(pred, np.zeros_like(F), weight=weights, reduction=reduction)
        with pytest.raises(ValueError, match=message):
            evaluate(pred, np.zeros_like(F), weight=scale * weights, reduction=reduction)


def test_small_weights_pass_where_nothing_is_lost():
    zeros = np.zeros_like(F)
    for _ in range(3):
        assert absolute_error(F, zeros, weight=[1.0, 1e-44, 1e-50]) == 1.0
        assert absolute_error(F, zeros, weight=[0.0, 0.0, 2e-38]) == pytest.approx(3.0, rel=1e-6)
        assert absolute_error(F, zeros, weight=np.float32([1e-44, 2e-44, 0])) == pytest.approx(5 / 3)
        assert absolute_error(A, zeros, weight=1e-50 * A) == pytest.approx(14 / 6)
        kept = absolute_error(F, zeros, weight=[1.0, 1e-44, 1e-50], where=[True, False, True])
        assert kept == 1.0
    with pytest.raises(ValueError, match="got at most 1e-44: scale it, or pass float64"):
        absolute_error(F, zeros, weight=[1.0, 1e-44, 1e-50], where=[False, True, True])


def of_none(pred, target):
    if pred > 0:
        return pred, pred, pred


FORMULAS = {
    "None": lambda pred, target: None,
    "None on a branch": of_none,
    "complex": lambda pred, target: (pred * 1j, pred, pred),
    "text": lambda pred, target: (pred, pred, "a"),
    "two numbers": lambda pred, target: (pred, pred),
    "one number": lambda pred, target: pred,
}


@pytest.mark.parametrize("case", FORMULAS)
def test_a_formula_that_returns_no_three_numbers_is_told_so(case):
    formula = FORMULAS[case]
    formula.__name__ = "odd"
    message = "must return (value, gradient, second derivative), three real numbers, "
    with pytest.raises(TypeError, match=re.escape(message) + "got ") as caught:
        fastloss.loss(formula)(A, A)
    assert "No implementation" not in str(caught.value)
