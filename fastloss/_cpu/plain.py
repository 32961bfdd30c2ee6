"""The fast path for plain calls, whose checks would take longer than their kernels.

A call is plain if its arrays are C-contiguous, of one shape and of the dtype to compute in. Once such a call
was checked, its plan is remembered, which depends on its options and on the names of its parameters. The
values of the parameters are checked every time.
"""

from typing import Any

import numpy as np
from numpy import empty

from fastloss._cpu import launch as _launch
from fastloss._cpu import prepass
from fastloss._cpu.launch import Array, DType, Kernel, kernel_of
from fastloss._cpu.layouts import NONE
from fastloss._cpu.streaming import STREAMED_FROM
from fastloss._cpu.variant import Variant
from fastloss._rules import numbers
from fastloss._rules.plan import Outputs, Plan, results_of

_BOOL = np.dtype(bool)


def values_of(plan: Plan, params: dict[str, Any]) -> tuple[float, ...] | None:
    """The values of a call's parameters; None if one of them needs the full checks."""
    found: tuple[float, ...] = ()
    for name, low, high, default in plan.ranges:
        value: Any = params.get(name, default)
        if type(value) is not float or not low <= value <= high:
            value = numbers.number_of(value, low, high)
            if value is None:
                return None
        found += (value,)
    return found


def run_with(
    plan: Plan,
    values: tuple[float, ...],
    pred: Array,
    target: Array,
    weight: Any,
    where: Any,
    normalizer: Any,
    outs: Outputs,
) -> Any:
    """Check what is not part of a plan, then compute; None if the call needs the full checks."""
    dtype, shape = plan.dtype, pred.shape
    denominator: float = pred.size
    if plan.weighted or plan.masked:
        if _launch.threads_for(pred.size) > 1 or not are_plain(weight, where, shape, dtype):
            return None
        denominator = _kept(plan, weight, where, pred.size)
    if normalizer is not None:
        if not plan.mean or denominator != denominator:
            return None
        denominator = numbers.normalizer(plan.loss.name, normalizer, "mean") or 0
    if denominator != pred.size and not (denominator > 0 and numbers.in_range(denominator, dtype)):
        return None
    if not outs[0] is outs[1] is outs[2] is None:
        for out in outs:
            if out is None:
                continue
            if not (type(out) is np.ndarray and out.shape == shape and out.dtype == dtype):
                return None
            if not out.flags.carray or out is pred or out is target:
                return None  # strided or in place, which `forms` remembers
        if plan.summed and outs[0] is not None:
            return None
    try:
        return run(plan, values, pred, target, denominator, outs, weight, where)
    except BufferError:  # outputs that overlap, which the checks will report
        return None


def _kept(plan: Plan, weight: Array | None, where: Array | None, size: int) -> float:
    """The total weight or number of the elements kept, where it matters; NaN if a weight is not valid."""
    if weight is not None:
        return prepass.plain_total_weight(weight, where, plan.dtype)
    return int(np.count_nonzero(where)) if plan.mean and where is not None else size


def are_plain(weight: Any, where: Any, shape: tuple[int, ...], dtype: DType) -> bool:
    """Whether weights and mask, if given, are plain arrays of pred's shape."""
    return (weight is None or _is_plain(weight, shape, dtype)) and (
        where is None or _is_plain(where, shape, _BOOL)
    )


def _is_plain(x: Any, shape: tuple[int, ...], dtype: DType) -> bool:
    if type(x) is not np.ndarray or x.shape != shape or x.dtype != dtype:
        return False
    return x.flags.c_contiguous and x.flags.aligned


def run(
    plan: Plan,
    values: tuple[float, ...],
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
    kernel, size = plan.serial, pred.size
    in_threads = size * _launch.PROCESSORS >= _launch.PARALLEL_FROM and _launch.threads_for(size) > 1
    if size >= STREAMED_FROM or in_threads:
        total = _launched(
            plan, values, _flat(pred, target, weight, where, loss_out, grad_out, hess_out), scale
        )
    else:
        if kernel is None:
            kernel = plan.serial = plain_kernel(plan, parallel=False)
        if len(shape) == 1:
            total = kernel(
                NONE, 0, size, pred, target, weight, where, values, scale, loss_out, grad_out, hess_out
            )
        else:
            flat = _flat(pred, target, weight, where, loss_out, grad_out, hess_out)
            total = kernel(NONE, 0, size, *flat[:4], values, scale, *flat[4:])
    return results_of(plan, total / denominator, (loss_out, grad_out, hess_out))


def _flat(*arrays: Array | None) -> list[Any]:
    return [None if x is None else x.reshape(-1) for x in arrays]


def _launched(plan: Plan, values: tuple[float, ...], arrays: list[Any], scale: float) -> float:
    """The sum, for a call so large that threads, and the way in which outputs are written, matter."""
    pred, target, weight, where, loss_out, grad_out, hess_out = arrays
    outs = loss_out, grad_out, hess_out
    others = [x for x in arrays[:4] if x is not None]
    for out in outs:  # the kernel cannot check those that it writes through a table
        if out is not None and any(np.may_share_memory(out, x) for x in others):
            raise BufferError
        others += [out] if out is not None else []
    inputs = _launch.Inputs(pred, target, weight, where, values)
    return _launch.launch(plan.loss, plan.dtype, inputs, scale, outs, summed=plan.summed)


def plain_kernel(plan: Plan, parallel: bool) -> Kernel:
    """The serial or the parallel kernel of a plan, compiled at first use."""
    params = (False,) * len(plan.params)
    head = plan.dtype, plan.weighted, plan.masked, params
    return kernel_of(plan.loss, Variant(*head, *plan.written, plan.summed, parallel))
