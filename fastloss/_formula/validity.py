"""Losses whose sums tell whether all weights or parameters are valid.

The value of an element is the number itself if it is valid, else NaN, so the sum is NaN if any number is not
valid. The check therefore runs in the kernels themselves, for every layout, with their threads and bits.
"""

from math import copysign, nan

from fastloss._definition.definition import Definition
from fastloss._definition.domain import nonnegative, real

WEIGHTS = nonnegative()


def _valid(number, target, low, high):  # compiled by Numba, like a loss's formula
    T = type(number)
    # -0.0 may be a negative number of a wider type, rounded.
    signed = number != T(0) or copysign(T(1), number) > T(0)
    return number if low <= number <= high and signed else T(nan), T(0), T(0)


#: A loss whose sum is that of pred, or NaN if an element is -0.0 or not between `low` and `high`.
VALIDITY = Definition(_valid, {"low": real(), "high": real()})


def _identity(number, target):  # compiled by Numba, like a loss's formula
    T = type(number)
    return number, T(0), T(0)


#: A loss whose sum is that of pred, without a check of its values.
IDENTITY = Definition(_identity, {})
