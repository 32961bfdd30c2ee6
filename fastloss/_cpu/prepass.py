"""Checks of weights and array parameters before anything is written, and the sum of the weights.

The kernels themselves do this: they sum a loss whose value is the number itself if that is valid, else NaN.
So a prepass has their layouts, threads and bits.
"""

from functools import cache
from math import isnan, nan

import numpy as np

from fastloss._cpu.launch import Array, DType, Inputs, Kernel, Progress, kernel_of, launch
from fastloss._cpu.layouts import NONE, is_plain
from fastloss._cpu.variant import Variant
from fastloss._definition.domain import Domain
from fastloss._formula.validity import IDENTITY, VALIDITY, WEIGHTS
from fastloss._rules import numbers


def total_weight(
    who: str, weight: Array, inputs: Inputs, dtype: DType, needed: bool, progress: Progress | None
) -> float:
    """Check the weights of the elements kept; return their sum in the compute type, or NaN if not needed.

    `weight` is as the caller gave it, `inputs.weight` is broadcast.
    """
    full, where = inputs.weight, inputs.where
    assert full is not None
    kept = None if where is None else (full, where)
    if weight.size != full.size and not needed:  # before broadcasting repeats them
        numbers.values(who, "weight", WEIGHTS, weight, dtype, kept)
        if weight.sum() < numbers.least_total(weight.dtype, weight.size, dtype):
            numbers.digits(who, full, where, dtype)
        return nan
    total = _sum_of_valid(full, where, WEIGHTS, dtype, progress)
    if isnan(total):
        numbers.values(who, "weight", WEIGHTS, weight, dtype, kept)
        inputs = Inputs(full, full, None, where)
        total = launch(IDENTITY, dtype, inputs, 1.0, (None, None, None), summed=True, progress=progress)
    if total < numbers.least_total(weight.dtype, full.size, dtype):
        numbers.digits(who, full, where, dtype)
    return total


def plain_total_weight(weight: Array, where: Array | None, dtype: DType) -> float:
    """The sum of the weights of the elements kept, of plain arrays; NaN if one is not valid."""
    kernel, bounds = _plain_kernel(dtype, where is not None)
    kept = None if where is None else where.reshape(-1)
    flat = weight.reshape(-1)
    return kernel(NONE, 0, flat.size, flat, flat, None, kept, bounds, 1.0, None, None, None)


@cache
def _plain_kernel(dtype: DType, masked: bool) -> tuple[Kernel, tuple[float, float]]:
    variant = Variant(dtype, False, masked, (False, False), False, False, False, summed=True)
    return kernel_of(VALIDITY, variant), numbers.closed(WEIGHTS, dtype)


def parameter(
    who: str,
    name: str,
    domain: Domain,
    held: Array,
    full: Array,
    dtype: DType,
    progress: Progress | None,
) -> None:
    """Check every value of an array parameter: `held` is as the caller gave it, `full` is broadcast."""
    # A parameter to be broadcast is checked by NumPy, before it is repeated.
    if held.size != full.size or isnan(_sum_of_valid(full, None, domain, dtype, progress)):
        numbers.values(who, name, domain, held, dtype)


def _sum_of_valid(
    values: Array, where: Array | None, domain: Domain, dtype: DType, progress: Progress | None
) -> float:
    """The sum of the values kept, or NaN if one of them is not in the domain."""
    low, high = numbers.closed(domain, dtype, values.dtype)
    # The target is not read: it is an array that need not be moved, or a number.
    target = values if is_plain(values, dtype) else np.broadcast_to(dtype.type(0), values.shape)
    inputs = Inputs(values, target, None, where, (low, high))
    return launch(VALIDITY, dtype, inputs, 1.0, (None, None, None), summed=True, progress=progress)
