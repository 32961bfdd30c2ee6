"""What tells the kernels of one formula apart."""

from typing import Any, NamedTuple

import numpy as np

DType = np.dtype[Any]


class Columns(NamedTuple):
    """The type of an operand that repeats one row; it comes as a few of them, a 2-D array."""

    dtype: DType


class Variant(NamedTuple):
    """A kernel of a formula.

    `dtype` is the type to compute in; then come the types of the operands, None for one that
    is absent or a number, and of the outputs.
    """

    dtype: DType
    pred: DType
    target: DType
    weight: "Kind"
    where: "Kind"
    params: "tuple[Kind, ...]"
    out: DType
    loss_out: bool
    grad_out: bool
    hess_out: bool
    summed: bool
    in_place: bool
    parallel: bool


Kind = DType | Columns | None
