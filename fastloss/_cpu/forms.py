"""The fast path for small calls that are not plain: other dtypes or layouts, or arrays to broadcast.

What such a call needs depends on its form alone, that is, on the dtypes, shapes and strides of its arrays. It
is remembered without the addresses.
"""

from dataclasses import replace
from math import nan, prod
from typing import Any

import numpy as np

from fastloss._cpu import launch as _launch
from fastloss._cpu.launch import Array, DType, kernel_of, variant_of
from fastloss._cpu.layouts import Table
from fastloss._cpu.table_format import DATA, LOSS_OUT, PARAMS, PRED
from fastloss._definition.definition import Definition
from fastloss._formula.validity import VALIDITY, WEIGHTS
from fastloss._rules import numbers
from fastloss._rules.arrays import is_real, result_type
from fastloss._rules.foreign.of_numpy import is_whole
from fastloss._rules.order import Order, address
from fastloss._rules.overlap import Disjoint
from fastloss._rules.plan import Outputs, Plan, results_of

_NOTHING = None, None, None
_ZERO = np.zeros(())  # a target that is not read, so that its address need not change


def is_small(size: int) -> bool:
    """Whether a call is so short that the fast path matters, and certain to use one thread."""
    return size > 0 and size * _launch.PROCESSORS < _launch.PARALLEL_FROM


class Launch:
    """A launch of one form, prepared except for the addresses of its arrays and its numbers.

    Parameters
    ----------
    loss : Definition
    dtype : dtype
        The type to compute in.
    order : Order
    inputs : list
        pred, target, weight and mask, or None, and the parameters, arrays or numbers.
    outs : list of ndarray or None
        loss_out, grad_out and hess_out.
    summed : bool
    in_place : bool
        Whether an output is an input, which is to be read before it is written.
    """

    def __init__(
        self,
        loss: Definition,
        dtype: DType,
        order: Order,
        inputs: list[Any],
        outs: list[Any],
        summed: bool,
        in_place: bool = False,
    ) -> None:
        params = tuple(inputs[4:])
        variant = variant_of(dtype, inputs[2], inputs[3], params, outs, summed, parallel=False)
        self.kernel = kernel_of(loss, variant)
        self.order, self.size = order, inputs[0].size
        table = Table(dtype, len(params))
        taken = [
            table.take(operand, order.view(x), "put", not in_place)
            for operand, x in enumerate(outs, LOSS_OUT)
        ]
        taken += [table.take(operand, order.view(x)) for operand, x in enumerate(inputs, PRED)]
        self.layouts = table.as_array()
        # For each operand with a layout: its index, its placeholder, and where its address goes.
        self.moved = [
            (operand - LOSS_OUT, taken[operand - LOSS_OUT], table.entries[operand] + DATA)
            for operand in range(LOSS_OUT, PARAMS + len(params))
            if table.entries[operand]
        ]
        self.plain = [
            k for k, x in enumerate(taken) if isinstance(x, np.ndarray) and not table.entries[k + 1]
        ]

    def run(self, operands: list[Any], scale: float = 1.0) -> float:
        """The sum for operands of the same form; the list of operands is modified."""
        layouts = self.layouts
        if self.moved:
            layouts = layouts.copy()
            for k, instead, index in self.moved:
                if operands[k] is not _ZERO:
                    layouts[index] = address(operands[k])
                operands[k] = instead
        for k in self.plain:
            x = operands[k] if self.order.straight else self.order.view(operands[k])
            operands[k] = x if x.ndim == 1 else x.reshape(-1)
        loss_out, grad_out, hess_out, pred, target, weight, where, *params = operands
        held = tuple(params)
        return self.kernel(
            layouts, 0, self.size, pred, target, weight, where, held, scale, loss_out, grad_out, hess_out
        )


class Form:
    """A form of calls, made from the arrays of one call, which were checked before.

    Parameters
    ----------
    plan : Plan
    inputs : list
        pred, target, weight and mask, or None, and the parameters, arrays or numbers.
    outs : tuple of ndarray or None
        The outputs given.
    """

    def __init__(self, plan: Plan, inputs: list[Any], outs: Outputs) -> None:
        self.plan, self.size = replace(plan, params=()), inputs[0].size  # holds none of the call's arrays
        self.dtype = result_type(inputs[0])
        self.order = order = Order(inputs[0])
        self.new = [k for k, is_written in enumerate(plan.written) if is_written and outs[k] is None]
        outputs = self.completed(outs)
        self.launch = Launch(plan.loss, plan.dtype, order, inputs, outputs, plan.summed, plan.in_place)
        self.checks: list[tuple[int, Launch, tuple[float, float]]] = []
        for k, (x, domain) in enumerate(zip(inputs[4:], plan.loss.domains.values(), strict=True), 4):
            if isinstance(x, np.ndarray):
                self.checks.append((k, *self._check_of(x, Order(x), None, domain)))
        self.weights, self.least = self._check_of_weights(inputs[2], inputs[3])
        given = {k: x for k, x in enumerate(outs) if x is not None}
        others = {k: x for k, x in enumerate(inputs, len(outs)) if isinstance(x, np.ndarray)}
        itself = {(k, j) for k, x in given.items() for j, other in others.items() if x is other}
        self.disjoint = Disjoint(given, others, itself, self.size) if given else None

    # Values are checked before broadcasting repeats them, unless the sum of the weights is needed.
    def _check_of_weights(
        self, weight: Array | None, where: Array | None
    ) -> tuple[tuple[Launch, tuple[float, float]] | None, float]:
        """The launch that sums the weights, or None, and the least sum that loses no digits."""
        if weight is None:
            return None, 0.0
        needed = self.plan.mean or where is not None or not weight.ndim
        order = self.order if needed else Order(weight)
        least = numbers.least_total(weight.dtype, prod(order.shape), self.plan.dtype)
        return self._check_of(weight, order, where, WEIGHTS), least

    def _check_of(
        self, x: Array, order: Order, where: Array | None, domain: Any
    ) -> tuple[Launch, tuple[float, float]]:
        """The launch that sums an array's values in an order, NaN if one is not valid, and its bounds."""
        bounds = numbers.closed(domain, self.plan.dtype, x.dtype)
        asked = [np.broadcast_to(x, order.shape), _ZERO, None, where, *bounds]
        return Launch(VALIDITY, self.plan.dtype, order, asked, [None] * 3, summed=True), bounds

    def completed(self, outs: Outputs) -> list[Array | None]:
        """The outputs given, and new ones for the others that the call writes."""
        found = list(outs)
        for k in self.new:
            found[k] = self.order.empty(self.dtype)
        return found

    def run(self, inputs: list[Any], outs: Outputs, divisor: float | None) -> Any:
        """The results for operands of this form; None if the call needs the full checks."""
        if self.disjoint is not None:
            addresses = [address(x) if isinstance(x, np.ndarray) else 0 for x in (*outs, *inputs)]
            if not self.disjoint.holds(addresses, self.size):
                return None
        for k, launch, bounds in self.checks:
            total = launch.run([*_NOTHING, inputs[k], _ZERO, None, None, *bounds])
            if total != total:
                return None
        denominator = self._denominator(inputs, divisor)
        if not denominator > 0 or not numbers.in_range(denominator, self.plan.dtype):
            return None
        outputs = self.completed(outs)
        total = self.launch.run([*outputs, *inputs], 1.0 / denominator)
        return results_of(self.plan, total / denominator, outputs)

    def _denominator(self, inputs: list[Any], divisor: float | None) -> float:
        """The divisor of the sum; NaN if a weight is not valid."""
        mean, weight, where = self.plan.mean, inputs[2], inputs[3]
        total: float = self.size
        if self.weights is not None:
            launch, bounds = self.weights
            total = launch.run([*_NOTHING, weight, _ZERO, None, where, *bounds])
            if not total >= self.least:  # or NaN
                return nan
        elif where is not None and mean:
            total = int(np.count_nonzero(where)) * (self.size // where.size)
        return (total if divisor is None else divisor) if mean else 1.0


def as_array(x: Any) -> Any:
    """A list of numbers as an array; anything else unchanged, for the checks."""
    if type(x) is not list:
        return x
    try:
        found = np.asarray(x)
    except Exception:  # raised by an object in the list
        return x
    return found if is_real(found.dtype) and is_whole(x, found) else x


def key_of(call: str, reduction: str, inputs: tuple[Any, ...], outs: Outputs, params: dict[str, Any]) -> Any:
    """The key of a call's form; None if the call cannot have one."""
    key: tuple[Any, ...] = call, reduction
    for x in inputs:
        if type(x) is np.ndarray:
            key += x.dtype, x.shape, x.strides, x.flags.aligned
        elif x is None or type(x) is float:
            key += (type(x),)
        else:
            return None
    if not outs[0] is outs[1] is outs[2] is None:
        for x in outs:
            if type(x) is np.ndarray:
                flags, replaced = x.flags, 1 if x is inputs[0] else 2 if x is inputs[1] else 0
                key += x.dtype, x.shape, x.strides, flags.aligned, flags.writeable, replaced
            elif x is None:
                key += (None,)
            else:
                return None
    for name, x in params.items():
        if type(x) in numbers.NUMBER_TYPES:
            key += (name,)
        elif type(x) is np.ndarray and x.ndim:
            key += name, x.dtype, x.shape, x.strides, x.flags.aligned
        else:  # a list, whose shape is not known, or a 0-d array, whose value has to be checked
            return None
    return key


def run_remembered(
    loss: Definition,
    key: Any,
    inputs: tuple[Any, ...],
    outs: Outputs,
    normalizer: Any,
    params: dict[str, Any],
) -> Any:
    """The results of a call whose form is known; None if it is not, or if the call needs the full checks."""
    try:
        form = None if key is None else loss._plans.get(key)
    except TypeError:  # an unhashable option, which the checks will report
        return None
    if form is None:
        return None
    given: list[Any] = [np.asarray(x) if type(x) is float else x for x in inputs]
    for name, low, high, default in form.plan.ranges:
        value = params.get(name, default)
        if type(value) is not np.ndarray:
            value = numbers.number_of(value, low, high)
            if value is None:
                return None
        given.append(value)
    divisor = None
    if normalizer is not None:
        if not form.plan.mean:
            return None
        divisor = numbers.normalizer(loss.name, normalizer, "mean")
    return form.run(given, outs, divisor)
