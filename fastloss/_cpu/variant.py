"""What tells kernels apart, and the rows of one formula."""

from typing import Any, NamedTuple

import numpy as np

DType = np.dtype[Any]


class Variant(NamedTuple):
    """A kernel, or a row of a formula: the type to compute in, and what of its operands there is.

    A parameter is an array or a number. Types and layouts are no part of it: one kernel takes all.
    """

    dtype: DType
    weight: bool
    where: bool
    params: tuple[bool, ...]
    loss_out: bool
    grad_out: bool
    hess_out: bool
    summed: bool
    parallel: bool = False
