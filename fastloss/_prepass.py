"""What must be known of weights and parameters before anything is written: are they valid, what is their sum?

The question is put to the kernels themselves, as the sum of a loss that is the number itself
if it is valid and NaN if not. So a prepass has every layout, thread and bit of theirs.
"""

from functools import cache
from math import inf, isnan, nan

import numpy as np

from fastloss import _check
from fastloss._definition import Definition
from fastloss._domain import Domain, nonnegative, real
from fastloss._launch import Array, DType, Inputs, Kernel, Progress, kernel_of, launch
from fastloss._variant import Variant

WEIGHTS = nonnegative()


def _valid(number, target, low, high):  # type: ignore[no-untyped-def]  # for Numba, as a loss's formula
    T = type(number)
    return number if low <= number <= high else T(nan), T(0), T(0)


@cache
def _validity() -> Definition:

    return Definition(_valid, {"low": real(), "high": real()})


def _identity(number, target):  # type: ignore[no-untyped-def]  # for Numba, as a loss's formula
    T = type(number)
    return number, T(0), T(0)


@cache
def identity() -> Definition:
    """A loss whose sum is that of pred: for devices, where values are not checked."""
    return Definition(_identity, {})


def total_weight(
    who: str, weight: Array, inputs: Inputs, dtype: DType, needed: bool, progress: Progress | None
) -> float:
    """Check the weights of the elements kept; return their sum in the compute type, or NaN if not needed.

    `weight` is as the caller gave it, `inputs.weight` is broadcast.
    """
    full, where = inputs.weight, inputs.where
    assert full is not None
    kept = None if where is None else (full, where)
    # Before they are cast, which would make -1e-50 a zero, or broadcast, which would make them many.
    early = weight.dtype.itemsize > dtype.itemsize or weight.size != full.size
    if early:
        _check.values(who, "weight", WEIGHTS, weight, dtype, kept)
        if not needed:
            return nan
    total = _sum_of_valid(full, where, WEIGHTS, dtype, progress)
    if isnan(total):
        _check.values(who, "weight", WEIGHTS, weight, dtype, kept)
    return total


def plain_total_weight(weight: Array, where: Array | None, dtype: DType) -> float:
    """The sum of the weights of the elements kept, of plain arrays; NaN if one is not valid."""
    kernel, bounds = _plain_kernel(dtype, where is not None)
    kept = None if where is None else where.reshape(-1)
    flat = weight.reshape(-1)
    return kernel(flat, flat, None, kept, bounds, 1.0, None, None, None)


@cache
def _plain_kernel(dtype: DType, masked: bool) -> tuple[Kernel, tuple[float, float]]:
    where = np.dtype(bool) if masked else None
    variant = Variant(
        dtype, dtype, dtype, None, where, (None, None), dtype, False, False, False, True, False, False
    )
    return kernel_of(_validity(), variant), _closed(WEIGHTS, dtype)


def parameter(
    who: str,
    name: str,
    domain: Domain,
    held: Array,
    full: Array,
    dtype: DType,
    progress: Progress | None,
) -> None:
    """Check every value of an array parameter, `held` as the caller gave it, `full` broadcast."""
    # NumPy checks one that is broadcast before it is, and one of another type before it is cast.
    as_it_is = held.dtype == dtype and held.size == full.size
    if not as_it_is or isnan(_sum_of_valid(full, None, domain, dtype, progress)):
        _check.values(who, name, domain, held, dtype)


def _sum_of_valid(
    values: Array, where: Array | None, domain: Domain, dtype: DType, progress: Progress | None
) -> float:
    """The sum of the values kept, or NaN if one of them is not in the domain."""
    low, high = _closed(domain, dtype)
    inputs = Inputs(values, values, None, where, (low, high))
    return launch(_validity(), dtype, inputs, 1.0, (None, None, None), summed=True, progress=progress)


@cache
def _closed(domain: Domain, dtype: DType) -> tuple[float, float]:
    """The least and the greatest number of a domain in a type."""
    with np.errstate(all="ignore"):
        low, high = (dtype.type(bound) for bound in (domain.low, domain.high))
        if float(low) not in domain:
            low = np.nextafter(low, dtype.type(inf))
        if float(high) not in domain:
            high = np.nextafter(high, dtype.type(-inf))
    return float(low), float(high)
