"""Which weights and parameters are valid, as losses whose sums tell.

The sum of numbers each of which is NaN if it is not valid is NaN if one is not. So the kernels
themselves answer, in every layout, with their threads and bits.
"""

from functools import cache
from math import copysign, nan

from fastloss._definition.definition import Definition
from fastloss._definition.domain import nonnegative, real

WEIGHTS = nonnegative()


def _valid(number, target, low, high):  # for Numba, as a loss's formula
    T = type(number)
    # -0.0 may be a negative number of a wider type.
    signed = number != T(0) or copysign(T(1), number) > T(0)
    return number if low <= number <= high and signed else T(nan), T(0), T(0)


@cache
def validity() -> Definition:
    """A loss whose sum is that of pred, NaN if one is not between two numbers, or is -0.0."""
    return Definition(_valid, {"low": real(), "high": real()})


def _identity(number, target):  # for Numba, as a loss's formula
    T = type(number)
    return number, T(0), T(0)


@cache
def identity() -> Definition:
    """A loss whose sum is that of pred: for devices, where values are not checked."""
    return Definition(_identity, {})
