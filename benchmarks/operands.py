"""Operands of many kinds for the same loss: part of `benchmarks.report`."""

from functools import partial
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

import fastloss
from benchmarks.pairs import Call

Array = np.ndarray[Any, Any]

COLUMNS = 8


class Operands(NamedTuple):
    """The arguments of a call."""

    pred: Any
    target: Any
    options: dict[str, Any]

    def call(self) -> Call:
        """A call for the value and gradient of huber."""
        return partial(fastloss.huber.value_and_grad, self.pred, self.target, **self.options)

    def into(self, grad_out: Array) -> "Operands":
        """The same operands, with `grad_out` given."""
        return self._replace(options={**self.options, "grad_out": grad_out})

    def moved(self) -> int:
        """The bytes that a call must read and write: each element counts once, and gaps do not count."""
        return sum(x.nbytes for x in (self.pred, self.target, *self.options.values()) if hasattr(x, "nbytes"))


def arrays(size: int, dtype: type = np.float32) -> tuple[Array, Array]:
    """Random pred and target."""
    rng = np.random.default_rng(0)
    return 2 * rng.standard_normal(size, dtype=dtype), rng.standard_normal(size, dtype=dtype)


def plain(size: int) -> Operands:
    return Operands(*arrays(size), {})


def weights(size: int) -> Array:
    """Random numbers that are valid weights and valid thresholds."""
    return np.random.default_rng(1).random(size, dtype=np.float32) + np.float32(0.5)


def mask(size: int) -> Array:
    return np.random.default_rng(2).random(size) < 0.8


def laid_out(size: int, sides: tuple[int, int]) -> dict[str, Operands]:
    """Other layouts of as many elements; `sides` is the shape of the case with two orders of axes."""
    pred, target = arrays(size)
    table = pred.reshape(-1, COLUMNS), target.reshape(-1, COLUMNS)
    return {
        "every other element": Operands(np.repeat(pred, 2)[::2], np.repeat(target, 2)[::2], {}),
        "reversed": Operands(pred[::-1], target[::-1], {}),
        "a number as target": Operands(pred, 0.5, {}),
        "a row as target": Operands(table[0], target[:COLUMNS], {}),
        "a weight for each row": Operands(*table, {"weight": weights(len(table[0]))[:, None]}),
        "C against Fortran order": Operands(pred.reshape(sides), target.reshape(sides[::-1]).T, {}),
    }


def converted(size: int) -> dict[str, Operands]:
    """Targets of other types."""
    pred, target = arrays(size)
    return {
        "int16 target": Operands(pred, (100 * target).astype(np.int16), {}),
        "float64 target": Operands(pred, target.astype(np.float64), {}),
        "float16 target": Operands(pred, target.astype(np.float16), {}),
    }


def of_other_types(size: int) -> dict[str, Operands]:
    """pred and target of other types; bfloat16 if `ml_dtypes` is installed and fastloss accepts it."""
    pred, target = arrays(size)
    swapped = np.dtype(np.float32).newbyteorder()
    found = {
        "byte-swapped": Operands(pred.astype(swapped), target.astype(swapped), {}),
        "float16": Operands(pred.astype(np.float16), target.astype(np.float16), {}),
    }
    if find_spec("ml_dtypes") is not None:
        from ml_dtypes import bfloat16

        operands = Operands(pred.astype(bfloat16), target.astype(bfloat16), {})
        try:
            operands.call()()
        except TypeError:  # this version of fastloss lacks it
            return found
        found["bfloat16"] = operands
    return found
