"""The engine for NumPy arrays: from a call to one launch of a kernel and its results."""

import warnings
from collections.abc import Callable
from math import nan
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy import empty, ndarray

from fastloss import _check, _threads

if TYPE_CHECKING:
    from fastloss._loss import Loss

Array = np.ndarray[Any, Any]
Kernel = Callable[..., float]

# Elements from which a launch of several threads pays, with a margin (see _threads).
PARALLEL_FROM = 1 << 18
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


class Outputs(NamedTuple):
    """The arrays that a call writes; None for those that it does not write or must allocate."""

    loss_out: Array | None = None
    grad_out: Array | None = None
    hess_out: Array | None = None


class Plan(NamedTuple):
    """A call that was checked, without its arrays."""

    loss: "Loss"
    variant: Variant
    reduction: str
    params: tuple[float, ...]
    kernel: Kernel | None  # None: chosen at each launch


def evaluate(
    loss: "Loss",
    call: str,
    pred: Any,
    target: Any,
    weight: Any,
    where: Any,
    reduction: str,
    normalizer: Any,
    loss_out: Any,
    grad_out: Any,
    hess_out: Any,
    params: dict[str, Any],
) -> Any:
    """Compute a call of a loss on host arrays, lists and scalars."""
    key = None
    # The plain case, whose checks would take longer than its kernel: like arrays, no options.
    if (
        type(pred) is ndarray
        and type(target) is ndarray
        and (dtype := pred.dtype) is target.dtype
        and pred.shape == target.shape
        and pred.flags.carray
        and target.flags.carray
        and (size := pred.size)
        and weight is where is normalizer is loss_out is grad_out is hess_out is None
    ):
        key = (call, reduction, size >= PARALLEL_FROM, dtype, *params.items())
        try:
            plan = loss._plans.get(key)
        except TypeError:  # an unhashable argument, which the checks will name
            plan = key = None
        if plan is not None:
            return _run(plan, pred, target, size, None, None, None)
    outs = Outputs(loss_out, grad_out, hess_out)
    return _checked(loss, call, pred, target, weight, where, reduction, normalizer, outs, params, key)


def _checked(
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
    """Check every argument, then compute; with a key, remember what was checked."""
    who = loss.name
    _check.reduction(who, reduction)
    _check.coming(who, weight=weight, where=where)
    dtype = _check.compute_type(pred, target)
    pred, target = _check.array(who, "pred", pred), _check.array(who, "target", target)
    _check.shapes(who, pred, target)
    values = _check.parameters(loss, params, dtype)
    divisor = _check.normalizer(who, normalizer, reduction)
    in_place = _check.outputs(who, outs._asdict(), pred, target, reduction)
    variant = variant_of(_check.call(who, call), reduction, dtype, in_place)
    denominator = pred.size if divisor is None else divisor
    plan = Plan(loss, variant, reduction, values, None)
    if pred.ndim == 0:
        return _run_scalar(plan, pred, target, denominator, outs)
    for name, operand in {"pred": pred, "target": target, **outs._asdict()}.items():
        _check.supported(who, name, operand, dtype)
    if reduction == "mean" and variant.summed and denominator == 0:
        warnings.warn(f"{who}: the mean over no elements is NaN", RuntimeWarning, stacklevel=4)
    if key is not None:
        if pred.size < PARALLEL_FROM:
            plan = plan._replace(kernel=kernel_of(loss, variant, parallel=False))
        if len(loss._plans) >= _MOST_PLANS:
            loss._plans.clear()
        loss._plans[key] = plan
    return _run(plan, pred, target, denominator, *outs)


def _run(
    plan: Plan,
    pred: Array,
    target: Array,
    denominator: float,
    loss_out: Array | None,
    grad_out: Array | None,
    hess_out: Array | None,
) -> Any:
    """Allocate the outputs that were not given, launch, and return what was asked for."""
    loss, variant, reduction, params, kernel = plan
    dtype, elementwise, grad, hess, summed, _, _ = variant
    shape = pred.shape
    if elementwise and loss_out is None:
        loss_out = empty(shape, dtype)
    if grad and grad_out is None:
        grad_out = empty(shape, dtype)
    if hess and hess_out is None:
        hess_out = empty(shape, dtype)
    if reduction != "mean":
        denominator = 1.0
    scale = 1.0 / denominator if denominator else nan
    if kernel is None:
        kernel = kernel_of(loss, variant, pred.size >= PARALLEL_FROM and _threads.threads() > 1)
    if len(shape) == 1:
        total = kernel(pred, target, params, scale, loss_out, grad_out, hess_out)
    else:
        flat = [None if x is None else x.reshape(-1) for x in (pred, target, loss_out, grad_out, hess_out)]
        total = kernel(*flat[:2], params, scale, *flat[2:])
    results: list[Any] = []
    if summed:
        results.append(total / denominator if denominator else nan)
    elif elementwise:
        results.append(loss_out)
    if grad:
        results.append(grad_out)
        if hess:
            results.append(hess_out)
    return tuple(results) if len(results) > 1 else results[0]


def _run_scalar(plan: Plan, pred: Array, target: Array, denominator: float, outs: Outputs) -> Any:
    """Compute one element; the results are scalars, but for the outputs given."""
    dtype, elementwise, grad, hess, summed, _, _ = plan.variant
    pred, target = (np.asarray(x, dtype).reshape(1) for x in (pred, target))
    apart = plan._replace(variant=plan.variant._replace(in_place=False))
    found = _run(apart, pred, target, denominator, None, None, None)
    asked = elementwise or summed, grad, hess
    given = [out for out, wanted in zip(outs, asked, strict=True) if wanted]
    results: list[Any] = []
    for out, result in zip(given, found if isinstance(found, tuple) else (found,), strict=True):
        if out is not None:
            out[()] = result[0]
            results.append(out)
        elif plan.reduction == "none":
            results.append(result[0])
        else:
            results.append(result if isinstance(result, float) else result.item())
    return tuple(results) if len(results) > 1 else results[0]


def variant_of(
    wanted: _check.Wanted, reduction: str, dtype: np.dtype[Any], in_place: bool = False
) -> Variant:
    """The serial kernel that a call needs."""
    value, grad, hess = wanted
    elementwise = reduction == "none"
    return Variant(dtype, value and elementwise, grad, hess, value and not elementwise, in_place, False)


def kernel_of(loss: "Loss", variant: Variant, parallel: bool) -> Kernel:
    """One twin of a kernel, compiled at its first use."""
    variant = variant._replace(parallel=parallel)
    kernel: Kernel | None = loss._kernels.get(variant)
    if kernel is None:
        from fastloss import _cache  # loads Numba's compiler

        kernel = loss._kernels[variant] = _cache.compile_kernel(loss, variant)
    return kernel
