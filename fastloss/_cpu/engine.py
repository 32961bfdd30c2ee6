"""The engine for NumPy arrays: from a call to a launch and its results."""

from dataclasses import replace
from math import nan
from typing import Any

import numpy as np

from fastloss._cpu import prepass
from fastloss._cpu.forms import Form
from fastloss._cpu.launch import Array, DType, Inputs, Progress, launch
from fastloss._cpu.layouts import is_interpreted, is_plain
from fastloss._cpu.plain import are_plain
from fastloss._rules import arrays, numbers
from fastloss._rules.arrays import FLOAT32
from fastloss._rules.order import Order
from fastloss._rules.plan import Outputs, Plan, results_of, warn_of_nan
from fastloss._rules.request import Request, checked

# The most calls of one loss that are remembered, a bound for programs with ever new shapes.
_MOST_PLANS = 64


def evaluate(request: Request, key: Any = None, form: Any = None, progress: Progress | None = None) -> Any:
    """Check every argument, then compute; remember the call under the key of a plain call or of a form."""
    plan, operands, divisor, in_place = checked(request)
    pred, _, weight, where = operands
    loss, dtype, outs = plan.loss, plan.dtype, request.outs
    inputs = _inputs(plan, operands, order := Order(pred), progress)
    denominator = _denominator(plan, weight, where, inputs, divisor, progress)
    if plan.mean and not denominator:
        warn_of_nan(plan, weight)
    elif plan.grad:
        numbers.factor(loss.name, "normalizer" if divisor else "the sum of weights", denominator, dtype)
    plan = replace(plan, in_place=in_place)
    _remember(plan, key, form, [*operands, *plan.params], outs)
    if not pred.ndim:
        elementwise = request.reduction == "none"
        return _run_scalar(plan, inputs, denominator, outs, order, elementwise)
    outs = _allocated(plan, outs, order, arrays.result_type(pred))
    return results_of(plan, _total(plan, inputs, denominator, outs, order, progress), outs)


def part(request: Request, denominator: float, weights_known: bool) -> Any:
    """Compute a block of larger arrays, with derivatives divided by the denominator of the whole.

    A reduced value is the sum of the block, not divided. With `weights_known`, weights are not checked.
    """
    plan, operands, _, _ = checked(request)
    pred, _, weight, _ = operands
    inputs = _inputs(plan, operands, order := Order(pred), None)
    if weight is not None and not weights_known:
        prepass.total_weight(plan.loss.name, weight, inputs, plan.dtype, False, None)
    outs = _allocated(plan, request.outs, order, arrays.result_type(pred))
    return results_of(plan, _sum(plan, inputs, denominator, outs, order, None), outs)


def _inputs(plan: Plan, operands: list[Any], order: Order, progress: Progress | None) -> Inputs:
    """The operands in the order of elements; every value of array parameters is checked."""
    view, loss = order.view, plan.loss
    pred, target, weight, where = map(view, operands)
    for (name, domain), held in zip(loss.domains.items(), plan.params, strict=True):
        if isinstance(held, np.ndarray):
            prepass.parameter(loss.name, name, domain, held, view(held), plan.dtype, progress)
    return Inputs(pred, target, weight, where, tuple(map(view, plan.params)))


def _remember(plan: Plan, key: Any, form: Any, inputs: list[Any], outs: Outputs) -> None:
    """Remember a checked call: under the key of a plain call if it is one, else under that of its form."""
    pred, _, weight, where, *params = inputs
    loss, dtype = plan.loss, plan.dtype
    of_numbers = all(isinstance(x, float) for x in params)
    made: Plan | Form | None = None
    plain = key is not None and of_numbers and all(x is None or is_plain(x, dtype) for x in (pred, *outs))
    if plain and not plan.in_place and are_plain(weight, where, pred.shape, dtype):
        made = plan
    elif form is not None and pred.ndim:
        key = form
        # Only the second time, as shapes may differ at every call.
        if key in loss._plans and not is_interpreted():
            made = Form(plan, inputs, outs)
    else:
        return
    if len(loss._plans) >= _MOST_PLANS:
        loss._plans.clear()
    loss._plans[key] = made


def _denominator(
    plan: Plan,
    weight: Array | None,
    where: Array | None,
    inputs: Inputs,
    divisor: float | None,
    progress: Progress | None,
) -> float:
    """The divisor of the sum; for a mean, the number or the total weight of the elements kept.

    The weights are checked, whether or not their sum is needed.
    """
    needed = plan.mean and divisor is None
    if weight is not None:
        total = prepass.total_weight(plan.loss.name, weight, inputs, plan.dtype, needed, progress)
        if needed:
            return total
    if not needed:
        return divisor or 1.0
    size = inputs.pred.size
    if where is None or not size:
        return size
    return int(np.count_nonzero(where)) * (size // where.size)


def _allocated(plan: Plan, outs: Outputs, order: Order, dtype: DType) -> Outputs:
    loss_out, grad_out, hess_out = (
        (order.empty(dtype) if out is None else out) if is_written else None
        for out, is_written in zip(outs, plan.written, strict=True)
    )
    return loss_out, grad_out, hess_out


def _total(
    plan: Plan, inputs: Inputs, denominator: float, outs: Outputs, order: Order, progress: Progress | None
) -> float:
    """Write the outputs; return the sum divided by the denominator."""
    total = _sum(plan, inputs, denominator, outs, order, progress)
    return total / denominator if denominator else nan


def _sum(
    plan: Plan, inputs: Inputs, denominator: float, outs: Outputs, order: Order, progress: Progress | None
) -> float:
    """Write the outputs, with derivatives divided by the denominator; return the sum."""
    scale = 1.0 / denominator if denominator else nan
    loss_out, grad_out, hess_out = map(order.view, outs)
    return launch(
        plan.loss,
        plan.dtype,
        inputs,
        scale,
        (loss_out, grad_out, hess_out),
        summed=plan.summed,
        in_place=plan.in_place,
        progress=progress,
    )


def _run_scalar(
    plan: Plan, inputs: Inputs, denominator: float, outs: Outputs, order: Order, elementwise: bool
) -> Any:
    """Compute one element; results are floats, NumPy scalars if elementwise, or the outputs given."""
    dtype = arrays.result_type(inputs.pred)  # two bytes if pred's has two, as for arrays
    half = elementwise and dtype.itemsize < plan.dtype.itemsize == FLOAT32.itemsize
    found = _allocated(plan, (None, None, None), order, dtype if half else plan.dtype)
    total = _total(replace(plan, in_place=False), inputs, denominator, found, order, None)
    results: list[Any] = []
    for result, out in zip(found, outs, strict=True):
        if result is not None and out is not None:
            with np.errstate(all="ignore"):
                out[()] = result
            results.append(out)
        else:
            results.append(result if result is None else result[()] if elementwise else result.item())
    return results_of(plan, total, results)
