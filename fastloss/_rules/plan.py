"""What a call does, once its arguments are checked, and what it returns."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastloss._definition.definition import Definition
from fastloss._rules import numbers, options

Array = np.ndarray[Any, Any]
DType = np.dtype[Any]
#: loss_out, grad_out and hess_out; None for one that is not written or not allocated yet.
Outputs = tuple[Array | None, Array | None, Array | None]


@dataclass(slots=True)
class Plan:
    """A call that was checked, without its arrays.

    It is a slotted class because the fields of a tuple take 0.1 us longer to read.
    """

    loss: Definition
    dtype: DType
    params: tuple[float | Array, ...]
    value: bool
    grad: bool
    hess: bool
    summed: bool
    mean: bool
    weighted: bool = False
    masked: bool = False
    in_place: bool = False
    serial: Callable[..., float] | None = None  # once compiled
    #: For each parameter: its name, the least and greatest number allowed, and its default.
    ranges: tuple[tuple[str, float, float, float | None], ...] = ()
    #: The values for a call without parameters; None if one of them has no default.
    defaults: tuple[float, ...] | None = None

    @property
    def written(self) -> tuple[bool, bool, bool]:
        """Whether the call writes loss_out, grad_out and hess_out."""
        return self.value and not self.summed, self.grad, self.hess


def plan_of(
    loss: Definition,
    call: str,
    reduction: str,
    dtype: DType,
    params: tuple[float | Array, ...],
    weighted: bool = False,
    masked: bool = False,
) -> Plan:
    """The plan of a call whose arguments were checked."""
    wanted = options.call(loss.name, call)
    summed = wanted.value and reduction != "none"
    ranges = tuple(
        [(name, *numbers.closed(domain, dtype), domain.default) for name, domain in loss.domains.items()]
    )
    mean = reduction == "mean"
    defaults = tuple([each for *_, each in ranges if each is not None])
    known = defaults if len(defaults) == len(ranges) else None
    return Plan(loss, dtype, params, *wanted, summed, mean, weighted, masked, ranges=ranges, defaults=known)


def warn_of_nan(plan: Plan, weight: Array | None) -> None:
    """Warn of a mean over nothing, unless the call returns only the zeros of elements left out."""
    if plan.summed or weight is not None:
        what = "no elements" if weight is None else "a total weight of 0"
        options.warn(f"{plan.loss.name}: the mean over {what} is NaN")


def results_of(plan: Plan, value: float, outs: Any) -> Any:
    """What a call returns: the value, derivatives, or a tuple of them."""
    loss_out, grad_out, hess_out = outs
    if not plan.value:
        return (grad_out, hess_out) if plan.hess else grad_out
    result = value if plan.summed else loss_out
    if not plan.grad:
        return result
    return (result, grad_out, hess_out) if plan.hess else (result, grad_out)
