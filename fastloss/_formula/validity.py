"""Which weights and parameters are valid, as losses whose sums tell.

The sum of numbers each of which is NaN if it is not valid is NaN if one is not. So the kernels
themselves answer, in every layout, with their threads and bits.
"""

from functools import cache
from math import inf, nan
from typing import Any

import numpy as np

from fastloss._definition.definition import Definition
from fastloss._definition.domain import Domain, nonnegative, real

DType = np.dtype[Any]

WEIGHTS = nonnegative()


def _valid(number, target, low, high):  # for Numba, as a loss's formula
    T = type(number)
    return number if low <= number <= high else T(nan), T(0), T(0)


@cache
def validity() -> Definition:
    """A loss whose sum is that of pred, NaN if one is not between two numbers."""
    return Definition(_valid, {"low": real(), "high": real()})


def _identity(number, target):  # for Numba, as a loss's formula
    T = type(number)
    return number, T(0), T(0)


@cache
def identity() -> Definition:
    """A loss whose sum is that of pred: for devices, where values are not checked."""
    return Definition(_identity, {})


@cache
def closed(domain: Domain, dtype: DType) -> tuple[float, float]:
    """The least and the greatest number of a domain in a type."""
    with np.errstate(all="ignore"):
        low, high = (dtype.type(bound) for bound in (domain.low, domain.high))
        if float(low) not in domain:
            low = np.nextafter(low, dtype.type(inf))
        if float(high) not in domain:
            high = np.nextafter(high, dtype.type(-inf))
    return float(low), float(high)
