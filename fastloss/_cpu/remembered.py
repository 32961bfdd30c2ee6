"""The short way for plain calls, whose checks would take longer than their kernels.

Plain are calls on C-contiguous arrays of one shape and of the type to compute in. Once such a
call was checked, its plan is remembered: what its options and parameters make of it.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy import empty

from fastloss._cpu import launch as _launch
from fastloss._cpu import prepass
from fastloss._cpu import threads as _threads
from fastloss._cpu.launch import Array, DType, Kernel, kernel_of
from fastloss._cpu.variant import Variant
from fastloss._rules import numbers, outputs
from fastloss._rules.plan import Outputs, Plan

_BOOL = np.dtype(bool)


def run_with(
    plan: Plan, pred: Array, target: Array, weight: Any, where: Any, normalizer: Any, outs: Outputs
) -> Any:
    """Check what a plan can't know, then compute; None if that needs a closer look."""
    name, dtype, shape = plan.loss.name, plan.dtype, pred.shape
    for out in outs:
        if out is not None and not _is_plain(out, shape, dtype):
            return None
    denominator: float = pred.size
    operands = {"pred": pred, "target": target}
    if plan.weighted or plan.masked:
        if pred.size >= _launch.PARALLEL_FROM or not (weight is None or _is_plain(weight, shape, dtype)):
            return None
        if not (where is None or _is_plain(where, shape, _BOOL)):
            return None
        operands |= {"weight": weight, "where": where}
        denominator = _kept(plan, weight, where, pred.size)
    if normalizer is not None:
        if not plan.mean or denominator != denominator:
            return None
        denominator = numbers.normalizer(name, normalizer, "mean") or 0
    if not denominator > 0 or not numbers.in_range(denominator, dtype):
        return None
    if not _only_grad_apart(outs, operands) and outputs.outputs(name, outs, operands, plan.summed):
        plan = replace(plan, in_place=True, serial=None)
    return run(plan, pred, target, denominator, outs, weight, where)


def _kept(plan: Plan, weight: Array | None, where: Array | None, size: int) -> float:
    """The total weight or number of the elements kept, where it matters; NaN if a weight is not valid."""
    if weight is not None:
        return prepass.plain_total_weight(weight, where, plan.dtype)
    return int(np.count_nonzero(where)) if plan.mean and where is not None else size


def _only_grad_apart(outs: Outputs, operands: Mapping[str, Array | None]) -> bool:
    """Whether a gradient is given that shares no memory: the usual case, told in a quarter of the time."""
    loss_out, grad_out, hess_out = outs
    if grad_out is None or not (loss_out is hess_out is None) or not grad_out.flags.writeable:
        return False
    for x in operands.values():  # noqa: SIM110 (all() takes 0.3 us longer)
        if x is not None and np.may_share_memory(grad_out, x):
            return False
    return True


def _is_plain(x: Any, shape: tuple[int, ...], dtype: DType) -> bool:
    if type(x) is not np.ndarray or x.shape != shape or x.dtype != dtype:
        return False
    return x.flags.c_contiguous and x.flags.aligned


def run(
    plan: Plan,
    pred: Array,
    target: Array,
    denominator: float,
    outs: Outputs = (None, None, None),
    weight: Array | None = None,
    where: Array | None = None,
) -> Any:
    """Allocate the outputs that were not given, launch, and return what was asked for."""
    shape = pred.shape
    loss_out, grad_out, hess_out = outs
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
        total = kernel(pred, target, weight, where, plan.params, scale, loss_out, grad_out, hess_out)
    else:
        arrays = pred, target, weight, where, loss_out, grad_out, hess_out
        # Not x.reshape: a matrix stays a matrix.
        flat = [None if x is None else np.asarray(x).reshape(-1) for x in arrays]
        total = kernel(*flat[:4], plan.params, scale, *flat[4:])
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
    variant = Variant(
        dtype=plan.dtype,
        pred=plan.dtype,
        target=plan.dtype,
        weight=plan.dtype if plan.weighted else None,
        where=_BOOL if plan.masked else None,
        params=(None,) * len(plan.params),
        out=plan.dtype,
        loss_out=plan.value and not plan.summed,
        grad_out=plan.grad,
        hess_out=plan.hess,
        summed=plan.summed,
        in_place=plan.in_place,
        parallel=parallel,
    )
    return kernel_of(plan.loss, variant)
