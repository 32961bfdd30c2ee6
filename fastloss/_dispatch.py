"""From the type of the arrays to the engine that computes on them."""

from types import ModuleType
from typing import TYPE_CHECKING, Any

from numpy import ndarray

from fastloss import _host

if TYPE_CHECKING:
    from fastloss._loss import Loss


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
    """Compute a call of a loss on the engine of its arrays."""
    key = None
    # The plain case, whose checks would take longer than its kernel: like arrays, no options but outputs.
    if (
        type(pred) is ndarray
        and type(target) is ndarray
        and (dtype := pred.dtype) is target.dtype
        and (shape := pred.shape) == target.shape
        and shape  # a 0-d array is a scalar
        and pred.flags.carray
        and target.flags.carray
        and weight is where is normalizer is None
        and (size := pred.size)
    ):
        key = (call, reduction, dtype, *params, *params.values())
        try:
            plan = loss._plans.get(key)
        except TypeError:  # an unhashable argument, which the checks will name
            plan = key = None
        if plan is not None:
            if loss_out is None and grad_out is None and hess_out is None:
                return _host.run(plan, pred, target, size)
            if _are_plain((loss_out, grad_out, hess_out), dtype):
                return _host.run_into(plan, pred, target, (loss_out, grad_out, hess_out))
    outs = (loss_out, grad_out, hess_out)
    engine = _engine_of(loss, pred, target, weight, where, *outs, *params.values())
    return engine.evaluate(loss, call, pred, target, weight, where, reduction, normalizer, outs, params, key)


def _are_plain(outs: tuple[Any, ...], dtype: Any) -> bool:
    """Whether the kernels of the plain case can write all outputs."""
    for out in outs:
        if out is not None and not (isinstance(out, ndarray) and out.dtype is dtype and out.flags.carray):
            return False
    return True


def _engine_of(loss: "Loss", *operands: Any) -> ModuleType:
    for operand in operands:
        if hasattr(operand, "__cuda_array_interface__"):
            raise NotImplementedError(f"{loss.name}: CUDA arrays are not supported in this version")
    return _host
