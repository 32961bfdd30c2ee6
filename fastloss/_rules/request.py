"""A call as it was made, and the result of its checks, on any device."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from fastloss._definition.definition import OPERANDS, Definition
from fastloss._rules import arrays, numbers, options, outputs
from fastloss._rules.plan import Plan, plan_of


@dataclass(slots=True)
class Request:
    """The arguments of a call.

    Parameters
    ----------
    loss : Definition
    call : str
        One of `fastloss._rules.options.CALLS`.
    pred, target, weight, where : array_like or None
    reduction : str
    normalizer : float or None
    outs : tuple
        loss_out, grad_out and hess_out, None for those not given.
    params : dict
        The loss's own parameters, as far as they were given.
    """

    loss: Definition
    call: str
    pred: Any
    target: Any
    weight: Any
    where: Any
    reduction: str
    normalizer: Any
    outs: tuple[Any, Any, Any]
    params: dict[str, Any]

    @property
    def inputs(self) -> dict[str, Any]:
        """The operands, None for those not given, and the parameters that were given, by name."""
        return {name: getattr(self, name) for name in OPERANDS} | self.params


class Checked(NamedTuple):
    """A request after all checks that do not read elements of arrays.

    `arrays` are pred, target, weight and mask; `divisor` is the normalizer, if one was given; `in_place`
    tells whether an output is an operand.
    """

    plan: Plan
    arrays: list[Any]
    divisor: float | None
    in_place: bool


def checked(request: Request, on_device: bool = False) -> Checked:
    """Check a request, in which host arrays stand for device arrays."""
    loss, who = request.loss, request.loss.name
    options.reduction(who, request.reduction)
    operands: list[Any]
    *operands, dtype = arrays.operands(who, request.pred, request.target, request.weight, request.where)
    values = numbers.parameters(loss, request.params, operands[0].shape, dtype)
    divisor = numbers.normalizer(who, request.normalizer, request.reduction)
    weighted, masked = request.weight is not None, request.where is not None
    plan = plan_of(loss, request.call, request.reduction, dtype, tuple(values.values()), weighted, masked)
    named = dict(zip(OPERANDS, operands, strict=True)) | values
    in_place = outputs.outputs(loss, request.outs, named, plan.summed, on_device)
    return Checked(plan, operands, divisor, in_place)
