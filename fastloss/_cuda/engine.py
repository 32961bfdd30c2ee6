"""The engine for CUDA arrays: from a call to launches on the caller's stream.

Arrays of a device are checked and arranged as NumPy arrays of the same address, type and
strides, whose elements nobody on the host may touch.
"""

from contextlib import nullcontext
from functools import cache
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np

from fastloss._cuda import libraries
from fastloss._cuda.libraries import is_device_array, is_shadow
from fastloss._definition.definition import OPERANDS, OUTPUTS, Definition
from fastloss._formula import validity
from fastloss._rules import arrays as _arrays
from fastloss._rules import numbers, options, outputs
from fastloss._rules.arrays import FLOAT64, is_direct
from fastloss._rules.order import Order, address, coalesced
from fastloss._rules.plan import Plan, plan_of

Array = np.ndarray[Any, Any]


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
) -> Any:
    """Check what can be told without reading an element, then launch."""
    who = loss.name
    engine = _engine(who)
    options.reduction(who, reduction)
    given = dict(zip(OPERANDS, (pred, target, weight, where), strict=True)) | params
    given |= zip(OUTPUTS, outs, strict=True)
    _check_sides(who, given)
    there = {name: libraries.shadow(who, name, x) for name, x in given.items() if is_device_array(x)}
    seen = given | there
    arrays: list[Any]
    *arrays, dtype = _arrays.operands(who, *(seen[name] for name in OPERANDS))
    values = numbers.parameters(loss, {name: seen[name] for name in params}, arrays[0].shape, dtype)
    if weight is not None and "weight" not in there:
        numbers.values(who, "weight", validity.WEIGHTS, arrays[2], dtype)
    divisor = numbers.normalizer(who, normalizer, reduction)
    plan = plan_of(
        loss, call, reduction, dtype, tuple(values.values()), weight is not None, where is not None
    )
    named = dict(zip(OPERANDS, arrays, strict=True)) | values
    outputs.outputs(who, tuple(seen[name] for name in OUTPUTS), named, plan.summed, on_device=True)
    if divisor is not None and plan.grad:
        numbers.factor(who, "normalizer", divisor, dtype)
    with engine.on_device_of(who, {name: address(x) for name, x in there.items() if x.size}):
        queue = engine.queue(who, libraries.current_stream(pred) if stream is None else stream)
        own = nullcontext() if stream is None else libraries.on_stream(pred, engine.handle_of(who, stream))
        with own:
            return Launches(engine, queue, plan, pred).run(arrays, outs, divisor)


def _check_sides(who: str, given: dict[str, Any]) -> None:
    """Refuse arrays of the host beside those of the device; numbers may be anywhere."""
    there = [name for name, x in given.items() if is_device_array(x)]
    here = [name for name, x in given.items() if not is_device_array(x) and _is_array(x)]
    if "pred" not in there and "pred" not in here:
        here.append("pred")
    if here:
        raise TypeError(
            f"{who}: {' and '.join(there)} on a CUDA device, {' and '.join(here)} on the host: "
            "expected all arrays on one side"
        )


def _is_array(x: Any) -> bool:
    return isinstance(x, list | tuple) or (hasattr(x, "__array__") and np.ndim(x) > 0)


class Launches:
    """The launches of a call, on one stream."""

    def __init__(self, engine: ModuleType, queue: Any, plan: Plan, pred: Any) -> None:
        self.engine, self.queue, self.plan, self.pred = engine, queue, plan, pred

    def run(self, arrays: list[Any], outs: tuple[Any, Any, Any], divisor: float | None) -> Any:
        """Write the outputs and return what was asked for."""
        plan, order = self.plan, Order(arrays[0])
        pred, target, weight, where = (self._arranged(order, x) for x in arrays)
        params = tuple(self._arranged(order, x) for x in plan.params)
        where = None if where is True else where
        size = arrays[0].size
        factors: Any = (1.0, 1.0)
        if plan.mean and divisor is None and (weight is not None or where is not None):
            factors = self._denominator(size, 1.0 if weight is None else weight, where)
        elif plan.mean:
            number = size if divisor is None else divisor
            factors = (float(number), 1.0 / (number or 1))
        results = self._outputs(order, _arrays.result_type(arrays[0]), outs)
        views: list[Any] = [None if x is None else libraries.shadow("", "grad_out", x) for x in results]
        total = None
        if plan.summed:  # flat, wherever it starts
            total = self.engine.array(address(views[0]), (1,), None, FLOAT64, self.pred)
            views[0] = None
        operands = (
            size,
            pred,
            target,
            weight,
            where,
            params,
            factors,
            *(self._arranged(order, x) for x in views),
        )
        self.engine.launch(plan.loss, plan.dtype, operands, total, self.queue)
        found = tuple(x for x in results if x is not None)
        return found if len(found) > 1 else found[0]

    def _denominator(self, size: int, weight: Any, where: Any) -> Any:
        """The total weight of the elements kept and its reciprocal, on the device."""
        factors = self.queue.factors
        operands = size, weight, 0.0, None, where, (), (1.0, 1.0), None, None, None
        self.engine.launch(validity.identity(), self.plan.dtype, operands, factors, self.queue)
        return factors

    def _outputs(self, order: Order, kind: np.dtype[Any], outs: tuple[Any, Any, Any]) -> list[Any]:
        """The outputs that the call needs, new ones for those not given."""
        plan = self.plan
        forms = (None, FLOAT64) if plan.summed else (order, kind), (order, kind), (order, kind)
        return [
            (libraries.empty(self.pred, *form) if out is None else out) if asked else None
            for out, form, asked in zip(outs, forms, (plan.value, plan.grad, plan.hess), strict=True)
        ]

    def _arranged(self, order: Order, x: Any) -> Any:
        """An operand as kernels take it: None, a number, or an array in the order of elements."""
        if x is None or isinstance(x, float):
            return x
        if x.ndim == 0 and not is_shadow(x):
            return x.item() if x.dtype.kind == "b" else float(self.plan.dtype.type(x))
        view = order.view(x)
        whole = is_direct(view) or (view.dtype == np.float16 and view.flags.c_contiguous)
        if whole and address(view) % 16 == 0:
            return self.engine.array(address(view), (view.size,), None, view.dtype, self.pred)
        shape, strides = coalesced(view, least=2)  # flat arrays are those that one request can read
        return self.engine.array(address(view), shape, strides, view.dtype, self.pred)


@cache
def _engine(who: str) -> ModuleType:
    """The module of the kernels, if there is a device to run them."""
    if find_spec("numba_cuda") is None:
        raise ImportError(
            f"{who}: CUDA arrays need numba-cuda: pip install 'fastloss[cuda13]', "
            "or fastloss[cuda12] for an older driver"
        )
    from fastloss._cuda import launch

    launch.check_driver(who)
    return launch
