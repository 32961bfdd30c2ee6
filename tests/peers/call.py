"""One call of a peer: the loss to compare it with, the operands, and how far its own rounding goes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

Measured = Mapping[str, Any]
Elementwise = Callable[[Any, Any], Any]

ALL = (("none", "value"), ("none", "grad"), ("none", "hess"))
FIRST = ALL[:2]
VALUE = ALL[:1]


@dataclass(frozen=True)
class Call:
    """A peer's call.

    `measure` takes pred, target and a reduction, and returns the quantities that the peer has, by name.
    """

    source: str
    name: str
    loss: str
    params: dict[str, float]
    inputs: str
    measure: Callable[[Any, Any, str], Measured]
    wanted: tuple[tuple[str, str], ...] = ALL
    """What is compared, as pairs of a reduction and a quantity."""
    dtype: str = "float64"
    unlike: dict[str, Elementwise] = field(default_factory=dict)
    """By quantity, the elements for which conventions differ, which are not compared."""
    terms: dict[str, Elementwise] = field(default_factory=dict)
    """By quantity, the size of terms that cancel in the peer's sum: its rounding is relative to it."""
    rtol: float | None = None
    """How closely the peer agrees if it rounds many times; None for a few units in the last place."""
    most: int | None = None
    """How many elements can be measured in reasonable time; None for no limit."""

    @property
    def key(self) -> tuple[str, str, str, str]:
        """The fields by which a figure names this call."""
        return self.source, self.name, self.loss, self.dtype

    def in_float32(self) -> "Call":
        """The same call in float32, without sums and second derivatives."""
        wanted = tuple(
            (reduction, quantity)
            for reduction, quantity in self.wanted
            if quantity != "hess" and reduction != "sum"
        )
        return replace(self, dtype="float32", wanted=wanted)

    def measured(self, pred, target) -> dict[tuple[str, str], Any]:
        """The quantities wanted for these operands, with NaN for elements that are not compared."""
        found = {
            reduction: self.measure(pred, target, reduction)
            for reduction in dict.fromkeys(reduction for reduction, _ in self.wanted)
        }
        return {
            (reduction, quantity): self.compared(quantity, found[reduction][quantity], pred, target)
            for reduction, quantity in self.wanted
        }

    def compared(self, quantity, result, pred, target):
        result = np.array(result)
        if quantity in self.unlike and result.ndim:
            result[self.unlike[quantity](pred.astype(float), target.astype(float))] = np.nan
        return result


def spelled(name: str, **params: float) -> str:
    """Write a call with its parameters."""
    return f"{name}({', '.join(f'{key}={value:.4g}' for key, value in params.items())})" if params else name
