"""What distinguishes kernels, and the row functions of one formula."""

from typing import Any, NamedTuple

import numpy as np

DType = np.dtype[Any]


class Variant(NamedTuple):
    """A kernel, or a row function of a formula: the dtype to compute in, and which operands are present.

    `params` has True for each parameter that is an array, False for a number. The dtypes and layouts of
    arrays are not part of a variant: one kernel takes them all.
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
