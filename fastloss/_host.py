"""The engine for NumPy arrays: from a call to a launch and its results."""

import warnings
from dataclasses import dataclass, replace
from math import nan
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import empty

from fastloss import _check, _launch, _operands, _prepass, _threads
from fastloss._blocks import Order
from fastloss._launch import (
    Array,
    DType,
    Inputs,
    Kernel,
    Outputs,
    Progress,
    Variant,
    kernel_of,
    launch,
)

if TYPE_CHECKING:
    from fastloss._loss import Loss

# Remembered calls of one loss: enough for a program's parameters, a bound for a schedule's.
_MOST_PLANS = 64


@dataclass(slots=True)
class Plan:
    """A call that was checked, without its arrays.

    A slotted class: the fields of a tuple take 0.1 us longer to read.
    """

    loss: "Loss"
    dtype: DType
    params: tuple[float | Array, ...]
    value: bool
    grad: bool
    hess: bool
    summed: bool
    mean: bool
    in_place: bool = False
    serial: Kernel | None = None  # once compiled


def evaluate(
    loss: "Loss",
    call: str,
    pred: Any,
    target: Any,
    weight: Any,
    where: Any,
    reduction: str,
    normalizer: Any,
    outs: Outputs,
    params: dict[str, Any],
    key: tuple[Any, ...] | None = None,
    progress: Progress | None = None,
) -> Any:
    """Check every argument, then compute; with a key, remember that it was checked."""
    who = loss.name
    _check.reduction(who, reduction)
    as_given = pred, target
    pred = _operands.array(who, "pred", pred)
    target = _operands.broadcast(who, "target", target, pred.shape)
    weight = None if weight is None else _operands.broadcast(who, "weight", weight, pred.shape)
    where = None if where is None else _operands.mask(who, where, pred.shape)
    dtype = _operands.compute_type((as_given[0], pred), (as_given[1], target))
    values = _check.parameters(loss, params, pred.shape, dtype)
    divisor = _check.normalizer(who, normalizer, reduction, dtype)
    plan = plan_of(loss, call, reduction, dtype, tuple(values.values()))
    operands = {"pred": pred, "target": target, "weight": weight, "where": where, **values}
    in_place = _operands.outputs(who, _given(outs), operands, plan.summed)
    # An object that can change its number would be found again by its identity.
    if key is not None and pred.dtype == dtype and all(isinstance(value, Real) for value in params.values()):
        if len(loss._plans) >= _MOST_PLANS:
            loss._plans.clear()
        loss._plans[key] = plan
    order = Order(pred)
    view = order.view
    inputs = Inputs(view(pred), view(target), view(weight), view(where), tuple(map(view, plan.params)))
    for name, held in values.items():
        if isinstance(held, np.ndarray):
            _prepass.parameter(who, name, loss.domains[name], held, view(held), dtype, progress)
    denominator = _denominator(plan, weight, where, inputs, divisor, progress)
    if plan.mean and not denominator and (plan.summed or weight is not None):
        what = "no elements" if weight is None else "a total weight of 0"
        warnings.warn(f"{who}: the mean over {what} is NaN", RuntimeWarning, stacklevel=4)
    plan = replace(plan, in_place=in_place)
    if pred.ndim:
        outs = _allocated(plan, outs, order, _operands.result_type(pred))
        return _results(plan, _total(plan, inputs, denominator, outs, order, progress), outs)
    temporary = _allocated(plan, (None, None, None), order, dtype)
    total = _total(plan, inputs, denominator, temporary, order, None)
    return _results(plan, total, _as_scalars(temporary, outs, elementwise=reduction == "none"))


def _denominator(
    plan: Plan,
    weight: Array | None,
    where: Array | None,
    inputs: Inputs,
    divisor: float | None,
    progress: Progress | None,
) -> float:
    """What the sum is divided by: the number or the total weight of the elements kept, for a mean.

    The weights are checked, whether or not their sum is needed.
    """
    needed = plan.mean and divisor is None
    if weight is not None:
        total = _prepass.total_weight(plan.loss.name, weight, inputs, plan.dtype, needed, progress)
        if needed:
            return total
    if not needed:
        return divisor or 1.0
    size = inputs.pred.size
    if where is None or not size:
        return size
    return int(np.count_nonzero(where)) * (size // where.size)


def _allocated(plan: Plan, outs: Outputs, order: Order, dtype: DType) -> Outputs:
    """The outputs that the call needs, new ones for those not given."""
    wanted = plan.value and not plan.summed, plan.grad, plan.hess
    loss_out, grad_out, hess_out = (
        (order.empty(dtype) if out is None else out) if is_wanted else None
        for out, is_wanted in zip(outs, wanted, strict=True)
    )
    return loss_out, grad_out, hess_out


def _total(
    plan: Plan, inputs: Inputs, denominator: float, outs: Outputs, order: Order, progress: Progress | None
) -> float:
    """Write the outputs; return the sum over the denominator."""
    scale = 1.0 / denominator if denominator else nan
    loss_out, grad_out, hess_out = map(order.view, outs)
    total = launch(
        plan.loss,
        plan.dtype,
        inputs,
        scale,
        (loss_out, grad_out, hess_out),
        summed=plan.summed,
        in_place=plan.in_place,
        progress=progress,
    )
    return total / denominator if denominator else nan


def _as_scalars(found: Outputs, outs: Outputs, elementwise: bool) -> Any:
    """The results of a scalar call: floats, or NumPy's if elementwise; given outputs are filled."""
    results: list[Any] = []
    for result, out in zip(found, outs, strict=True):
        if result is not None and out is not None:
            out[()] = result
            results.append(out)
        else:
            results.append(result if result is None else result[()] if elementwise else result.item())
    return results


def _results(plan: Plan, value: float, outs: Any) -> Any:
    """What a call returns: the value, derivatives, or a tuple of them."""
    loss_out, grad_out, hess_out = outs
    if not plan.value:
        return (grad_out, hess_out) if plan.hess else grad_out
    result = value if plan.summed else loss_out
    if not plan.grad:
        return result
    return (result, grad_out, hess_out) if plan.hess else (result, grad_out)


def run_into(plan: Plan, pred: Array, target: Array, outs: Outputs) -> Any:
    """Check the outputs given to a call whose other arguments were checked, then compute."""
    inputs = {"pred": pred, "target": target}
    if _operands.outputs(plan.loss.name, _given(outs), inputs, plan.summed):
        plan = replace(plan, in_place=True, serial=None)
    return run(plan, pred, target, pred.size, *outs)


def _given(outs: Outputs) -> dict[str, Array]:
    """The outputs that the caller gave, by name."""
    return {name: out for name, out in zip(_check.OUTPUTS, outs, strict=True) if out is not None}


def plan_of(
    loss: "Loss",
    call: str,
    reduction: str,
    dtype: DType,
    params: tuple[float | Array, ...] = (),
) -> Plan:
    """The plan of a call whose arguments were checked."""
    wanted = _check.call(loss.name, call)
    summed = wanted.value and reduction != "none"
    return Plan(loss, dtype, params, *wanted, summed, reduction == "mean")


def run(
    plan: Plan,
    pred: Array,
    target: Array,
    denominator: float,
    loss_out: Array | None = None,
    grad_out: Array | None = None,
    hess_out: Array | None = None,
) -> Any:
    """Allocate the outputs that were not given, launch, and return what was asked for.

    For the plain case: every array C-contiguous and of the compute type, parameters numbers.
    """
    shape = pred.shape
    if plan.value and not plan.summed and loss_out is None:
        loss_out = empty(shape, plan.dtype)
    if plan.grad and grad_out is None:
        grad_out = empty(shape, plan.dtype)
    if plan.hess and hess_out is None:
        hess_out = empty(shape, plan.dtype)
    if not plan.mean:
        denominator = 1.0
    scale = 1.0 / denominator
    kernel = plan.serial
    if kernel is None or pred.size >= _launch.PARALLEL_FROM:
        kernel = _kernel_for(plan, pred.size)
    if len(shape) == 1:
        total = kernel(pred, target, None, None, plan.params, scale, loss_out, grad_out, hess_out)
    else:
        arrays = pred, target, loss_out, grad_out, hess_out
        # Not x.reshape: a matrix stays a matrix.
        flat = [None if x is None else np.asarray(x).reshape(-1) for x in arrays]
        total = kernel(*flat[:2], None, None, plan.params, scale, *flat[2:])
    if not plan.value:
        return (grad_out, hess_out) if plan.hess else grad_out
    value: Any = total / denominator if plan.summed else loss_out
    if not plan.grad:
        return value
    return (value, grad_out, hess_out) if plan.hess else (value, grad_out)


def _kernel_for(plan: Plan, size: int) -> Kernel:
    if size >= _launch.PARALLEL_FROM and _threads.threads() > 1:
        return plain_kernel(plan, parallel=True)
    plan.serial = plain_kernel(plan, parallel=False)
    return plan.serial


def plain_kernel(plan: Plan, parallel: bool) -> Kernel:
    """One of the two twins that can run a plan, compiled at its first use."""
    dtype, outs = plan.dtype, (plan.value and not plan.summed, plan.grad, plan.hess)
    numbers = (None,) * len(plan.params)
    return kernel_of(
        plan.loss,
        Variant(dtype, dtype, dtype, None, None, numbers, dtype, *outs, plan.summed, plan.in_place, parallel),
    )
