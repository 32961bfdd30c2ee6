"""Choose the engine for a call by the type of its arrays."""

from typing import Any

from numpy import ndarray

from fastloss._cpu import engine, forms, plain
from fastloss._cuda import engine as cuda_engine
from fastloss._cuda.libraries import is_there
from fastloss._definition.definition import OPERANDS, Definition
from fastloss._rules import options
from fastloss._rules.foreign import operands as foreign
from fastloss._rules.request import Request


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
    """Compute a call: directly if it is like an earlier one, else on the engine for its arrays."""
    key: Any = None
    form: Any = None
    if (
        type(pred) is ndarray
        and type(target) is ndarray
        and ((dtype := pred.dtype) is target.dtype or dtype == target.dtype)  # an unpickled one is equal
        and (shape := pred.shape) == target.shape
        and shape  # a 0-d array is a scalar
        and ((flags := pred.flags).carray or (flags.c_contiguous and flags.aligned))
        and ((flags := target.flags).carray or (flags.c_contiguous and flags.aligned))
        and (size := pred.size)
        and stream is None
        and not extra
    ):
        key = (call, reduction, dtype, *params)  # the names of params: values are checked at every call
        if weight is not None or where is not None:
            key += (weight is None, where is None)
        try:
            plan = loss._plans.get(key)
        except TypeError:  # an unhashable option, which the checks will report
            plan = key = None
        if plan is not None:
            values = plain.values_of(plan, params) if params else plan.defaults
            if values is not None:
                if weight is where is normalizer is outs[0] is outs[1] is outs[2] is None:
                    return plain.run(plan, values, pred, target, size)
                results = plain.run_with(plan, values, pred, target, weight, where, normalizer, outs)
                if results is not None:
                    return results
    if type(pred) is ndarray and stream is None and not extra and forms.is_small(pred.size):
        target, weight, where = map(forms.as_array, (target, weight, where))
        params = {name: forms.as_array(x) for name, x in params.items()}
        inputs = pred, target, weight, where
        form = forms.key_of(call, reduction, inputs, outs, params)
        results = forms.run_remembered(loss, form, inputs, outs, normalizer, params)
        if results is not None:
            return results
    options.positional(loss, (pred, target, *extra), params)
    request = Request(loss, call, pred, target, weight, where, reduction, normalizer, outs, params)
    return _on_engine(request, stream, key, form)


def _on_engine(request: Request, stream: Any, key: Any, form: Any) -> Any:
    """Compute a call on the engine for its arrays; that of the CPU remembers it under one of the keys."""
    who, pred = request.loss.name, request.pred
    if hasattr(type(pred), "__cuda_array_interface__") and (seen := cuda_engine.seen(request)) is not None:
        return cuda_engine.evaluate(request, stream, seen)
    given = pred, request.target, request.weight, request.where, *request.outs, *request.params.values()
    if foreign.are_lazy(given):
        from fastloss._dask import engine as dask_engine  # imports Dask, which is optional

        return dask_engine.evaluate(request, stream)
    if foreign.are_any(given):
        return _evaluate_foreign(request, stream)
    if any(is_there(who, x) for x in given):
        return cuda_engine.evaluate(request, stream, None)
    if stream is not None:
        raise TypeError(f"{who}: stream is only allowed with CUDA arrays, and pred is not one")
    return engine.evaluate(request, key, form)


def _evaluate_foreign(request: Request, stream: Any) -> Any:
    """Compute a call on operands of other libraries, which may have labels."""
    loss, call, reduction, normalizer = request.loss, request.call, request.reduction, request.normalizer
    params = foreign.arrays(loss.name, request.inputs, stream)
    pred, target, weight, where = (params.pop(name) for name in OPERANDS)
    outs = foreign.outputs(loss.name, dict(zip(loss.outputs, request.outs, strict=True)), stream)
    results = evaluate(
        loss, call, pred, target, weight, where, reduction, normalizer, outs, params, stream, ()
    )
    return foreign.results(request.pred, results, outs)
