"""The engine for NumPy arrays: from a call to one launch of a kernel and its results."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import nan
from numbers import Real
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy import empty

from fastloss import _check, _threads

if TYPE_CHECKING:
    from fastloss._loss import Loss

Array = np.ndarray[Any, Any]
Kernel = Callable[..., float]
#: loss_out, grad_out and hess_out; None for one that is not written or not allocated yet.
Outputs = tuple[Array | None, Array | None, Array | None]

# Elements from which several threads are used. Two idle cores gain 1.3 x at 2^15, 1.8 x while all fits
# the caches and 1.4 x from 2^22 on. But beside one other busy process a launch took 7 ms at any size,
# 30 x the serial time at 2^19, 4 x at 2^22, no more than it from 2^23 on: so only large calls risk it.
PARALLEL_FROM = 1 << 22
# Remembered calls of one loss: enough for a program's parameters, a bound for a schedule's.
_MOST_PLANS = 64


class Variant(NamedTuple):
    """What tells the kernels of one formula apart."""

    dtype: np.dtype[Any]
    loss_out: bool
    grad_out: bool
    hess_out: bool
    summed: bool
    in_place: bool
    parallel: bool


@dataclass(slots=True)
class Plan:
    """A call that was checked, without its arrays.

    A slotted class: the fields of a tuple take 0.1 us longer to read.
    """

    loss: "Loss"
    dtype: np.dtype[Any]
    params: tuple[float, ...]
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
    key: tuple[Any, ...] | None,
) -> Any:
    """Check every argument, then compute; with a key, remember that it was checked."""
    who = loss.name
    _check.reduction(who, reduction)
    _check.coming(who, weight=weight, where=where)
    as_given = pred, target
    pred, target = _check.array(who, "pred", pred), _check.array(who, "target", target)
    dtype = _check.compute_type((as_given[0], pred), (as_given[1], target))
    _check.shapes(who, pred, target)
    values = _check.parameters(loss, params, dtype)
    divisor = _check.normalizer(who, normalizer, reduction, dtype)
    plan = plan_of(loss, call, reduction, dtype, values)
    denominator = pred.size if divisor is None else divisor
    given = _given(outs)
    writing = _writing(plan, pred, target, given)
    if pred.ndim == 0:
        return _run_scalar(plan, pred, target, denominator, outs, elementwise=reduction == "none")
    for name, operand in {"pred": pred, "target": target, **given}.items():
        _check.supported(who, name, operand, dtype)
    if plan.summed and plan.mean and denominator == 0:
        warnings.warn(f"{who}: the mean over no elements is NaN", RuntimeWarning, stacklevel=4)
    # An object that can change its number would be found again by its identity.
    if key is not None and all(isinstance(value, Real) for value in params.values()):
        if len(loss._plans) >= _MOST_PLANS:
            loss._plans.clear()
        loss._plans[key] = plan
    return run(writing, pred, target, denominator, *outs)


def run_into(plan: Plan, pred: Array, target: Array, outs: Outputs) -> Any:
    """Check the outputs given to a call whose other arguments were checked, then compute."""
    given = _given(outs)
    writing = _writing(plan, pred, target, given)
    for name, out in given.items():
        _check.supported(plan.loss.name, name, out, plan.dtype)
    return run(writing, pred, target, pred.size, *outs)


def _given(outs: Outputs) -> dict[str, Array]:
    """The outputs that the caller gave, by name."""
    return {name: out for name, out in zip(_check.OUTPUTS, outs, strict=True) if out is not None}


def _writing(plan: Plan, pred: Array, target: Array, given: dict[str, Array]) -> Plan:
    """The plan for these outputs, checked."""
    in_place = _check.outputs(plan.loss.name, given, pred, target, plan.summed)
    return replace(plan, in_place=True, serial=None) if in_place else plan


def plan_of(
    loss: "Loss",
    call: str,
    reduction: str,
    dtype: np.dtype[Any],
    params: tuple[float, ...] = (),
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
    """Allocate the outputs that were not given, launch, and return what was asked for."""
    shape = pred.shape
    if plan.value and not plan.summed and loss_out is None:
        loss_out = empty(shape, plan.dtype)
    if plan.grad and grad_out is None:
        grad_out = empty(shape, plan.dtype)
    if plan.hess and hess_out is None:
        hess_out = empty(shape, plan.dtype)
    if not plan.mean:
        denominator = 1.0
    scale = 1.0 / denominator if denominator else nan
    kernel = plan.serial
    if kernel is None or pred.size >= PARALLEL_FROM:
        kernel = _kernel_for(plan, pred.size)
    if len(shape) == 1:
        total = kernel(pred, target, plan.params, scale, loss_out, grad_out, hess_out)
    else:
        # Not x.reshape: a matrix stays a matrix.
        arrays = pred, target, loss_out, grad_out, hess_out
        flat = [None if x is None else np.asarray(x).reshape(-1) for x in arrays]
        total = kernel(*flat[:2], plan.params, scale, *flat[2:])
    if not plan.value:
        return (grad_out, hess_out) if plan.hess else grad_out
    value: Any = loss_out
    if plan.summed:
        value = total / denominator if denominator else nan
    if not plan.grad:
        return value
    return (value, grad_out, hess_out) if plan.hess else (value, grad_out)


def _run_scalar(
    plan: Plan, pred: Array, target: Array, denominator: float, outs: Outputs, elementwise: bool
) -> Any:
    """Compute one element; the results are scalars, but for the outputs given."""
    pred, target = (np.asarray(x, plan.dtype).reshape(1) for x in (pred, target))
    found = run(plan, pred, target, denominator)
    asked = plan.value, plan.grad, plan.hess
    given = [out for out, wanted in zip(outs, asked, strict=True) if wanted]
    results: list[Any] = []
    for out, result in zip(given, found if isinstance(found, tuple) else (found,), strict=True):
        if out is not None:
            out[()] = result[0]
            results.append(out)
        elif elementwise:
            results.append(result[0])
        else:
            results.append(result if isinstance(result, float) else result.item())
    return tuple(results) if len(results) > 1 else results[0]


def _kernel_for(plan: Plan, size: int) -> Kernel:
    if size >= PARALLEL_FROM and _threads.threads() > 1:
        return kernel_of(plan, parallel=True)
    plan.serial = kernel_of(plan, parallel=False)
    return plan.serial


def kernel_of(plan: Plan, parallel: bool) -> Kernel:
    """One of the two twins that can run a plan, compiled at its first use."""
    loss_out = plan.value and not plan.summed
    variant = Variant(plan.dtype, loss_out, plan.grad, plan.hess, plan.summed, plan.in_place, parallel)
    kernel: Kernel | None = plan.loss._kernels.get(variant)
    if kernel is None:
        from fastloss import _cache  # loads Numba's compiler

        kernel = _cache.compile_kernel(plan.loss, variant)
    return kernel
