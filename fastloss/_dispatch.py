"""From the type of the arrays to the engine that computes on them."""

from typing import Any

from numpy import ndarray

from fastloss._cpu import engine, remembered
from fastloss._definition.definition import Definition
from fastloss._rules import options


def evaluate(
    loss: Definition,
    call: str,
    pred: Any,
    target: Any,
    weight: Any,
    where: Any,
    reduction: str,
    normalizer: Any,
    outs: tuple[Any, Any, Any],
    params: dict[str, Any],
    stream: Any,
    extra: tuple[Any, ...],
) -> Any:
    """Compute a call of a loss on the engine of its arrays."""
    key: Any = None
    if (
        type(pred) is ndarray
        and type(target) is ndarray
        and (dtype := pred.dtype) is target.dtype
        and (shape := pred.shape) == target.shape
        and shape  # a 0-d array is a scalar
        and pred.flags.carray
        and target.flags.carray
        and (size := pred.size)
        and stream is None
        and not extra
    ):
        key = (call, reduction, dtype, *params.items())
        for value in params.values():
            if type(value) is not float:  # 1 + 0j equals 1
                key += (type(value),)
        if weight is not None or where is not None:
            key += (weight is None, where is None)
        try:
            plan = loss._plans.get(key)
        except TypeError:  # an unhashable argument, which the checks will name
            plan = key = None
        if plan is not None:
            if weight is where is normalizer is outs[0] is outs[1] is outs[2] is None:
                return remembered.run(plan, pred, target, size)
            results = remembered.run_with(plan, pred, target, weight, where, normalizer, outs)
            if results is not None:
                return results
    options.positional(loss, (pred, target, *extra), params)
    arguments = loss, call, pred, target, weight, where, reduction, normalizer, outs, params
    for x in (pred, target, weight, where, *outs, *params.values()):
        if _on_device(loss.name, x):
            from fastloss._cuda import engine as cuda_engine

            return cuda_engine.evaluate(*arguments, stream)
    if stream is not None:
        raise TypeError(f"{loss.name}: stream goes with CUDA arrays, pred is none")
    return engine.evaluate(*arguments, key)


def _on_device(who: str, x: Any) -> bool:
    try:
        return hasattr(x, "__cuda_array_interface__")
    except RuntimeError as error:  # PyTorch's, of a tensor that requires grad
        message = f"{who}: a tensor that requires grad was given: pass tensor.detach() ({error})"
        raise TypeError(message) from None
