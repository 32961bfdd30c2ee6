"""One call of a peer: what it is compared with, on which operands, and how far its own rounding goes."""

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

    `measure` takes pred, target and a reduction, and returns the quantities that it can, by name.
    """

    source: str
    name: str
    loss: str
    params: dict[str, float]
    inputs: str
    measure: Callable[[Any, Any, str], Measured]
    wanted: tuple[tuple[str, str], ...] = ALL
    """Which are compared: pairs of a reduction and a quantity."""
    dtype: str = "float64"
    unlike: dict[str, Elementwise] = field(default_factory=dict)
    """By quantity, where its convention is another: elements that are not compared."""
    terms: dict[str, Elementwise] = field(default_factory=dict)
    """By quantity, the size of what the peer adds up where that cancels: its rounding is relative to it."""
    rtol: float | None = None
    """How closely it agrees where it rounds many times, if not to a few units in the last place."""
    most: int | None = None
    """How many elements are measured in reasonable time."""

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What a figure names it by."""
        return self.source, self.name, self.loss, self.dtype

    def in_float32(self) -> "Call":
        """The same call, of float32, and without what is slow to tell."""
        wanted = tuple(
            (reduction, quantity)
            for reduction, quantity in self.wanted
            if quantity != "hess" and reduction != "sum"
        )
        return replace(self, dtype="float32", wanted=wanted)

    def measured(self, pred, target) -> dict[tuple[str, str], Any]:
        """What is wanted of these operands, NaN where it is not to be compared."""
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
    """A call as it is written."""
    return f"{name}({', '.join(f'{key}={value:.4g}' for key, value in params.items())})" if params else name
