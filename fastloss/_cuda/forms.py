"""Calls by their form: the dtypes, shapes and strides of their arrays, but not the addresses.

The first call of a form on a stream is checked, and its launches are prepared. For later calls, only what can
differ is checked: addresses, numbers, and whether outputs share memory with operands.
"""

from math import prod
from typing import Any

import numpy as np

from fastloss._cuda import libraries
from fastloss._cuda.arguments import ArrayArgument, NumberArgument
from fastloss._cuda.libraries import is_stand_in
from fastloss._definition.definition import Definition
from fastloss._formula import validity
from fastloss._rules.arrays import FLOAT64, is_bfloat16, result_type
from fastloss._rules.numbers import LARGEST_EXACT_INT, NUMBER_TYPES
from fastloss._rules.order import Order, address, coalesced
from fastloss._rules.overlap import Disjoint
from fastloss._rules.plan import Plan, results_of

Array = np.ndarray[Any, Any]
DType = np.dtype[Any]

# How bfloat16 is passed to a kernel, which converts it to floats: Numba has that type only with ml_dtypes.
_TWO_BYTES = np.dtype("S2")

# The indices of a call's addresses and numbers. They are followed by those of the parameters, that of a
# normalizer on the device, and those of the divisor of a sum and its reciprocal.
PRED, TARGET, WEIGHT, WHERE, LOSS_OUT, GRAD_OUT, HESS_OUT, PARAMS = range(8)


class Seen:
    """What is known of a call without checks: its form, its addresses and its numbers.

    Parameters
    ----------
    loss : Definition
    chosen : tuple
        All options that distinguish forms, besides operands, outputs and parameters.
    given : tuple
        pred, target, weight, where and the outputs; None for those that are absent.
    params : dict
        The parameters given.
    normalizer : object or None
        The normalizer, if it is on the device.

    Raises
    ------
    LookupError
        If the call needs the full checks.
    """

    def __init__(
        self,
        loss: Definition,
        chosen: tuple[Any, ...],
        given: tuple[Any, ...],
        params: dict[str, Any],
        normalizer: Any,
    ) -> None:
        if not params.keys() <= loss.domains.keys():
            raise LookupError("an unknown parameter")
        sight = libraries.sight
        *_, shape, interface = pred = sight(given[PRED])
        self.stream = libraries.current_stream(given[PRED], interface)
        if 0 in shape or not shape:
            raise LookupError("one number, or none")
        key: list[Any] = [loss, *chosen]
        addresses: list[int] = []
        numbers: list[float | None] = []
        plain = True
        operands = *given, *[params.get(name, domain.default) for name, domain in loss.domains.items()]
        alone = LOSS_OUT, len(operands)  # arrays of one number, whatever the shape of the others
        for x in (*operands, normalizer):
            number, address = None, 0
            if x is None:
                key.append(None)
            elif type(x) in NUMBER_TYPES:
                if (type(x) is int and abs(x) > LARGEST_EXACT_INT) or len(addresses) == WEIGHT:
                    raise LookupError("a number to be checked")
                key.append(type(x))
                number = float(x)
            else:
                address, kind, strides, extent, _ = sight(x) if addresses else pred
                key.append(kind)
                if extent != shape or strides is not None or address & 15:
                    key += address & 15, extent, strides
                    plain &= not extent and len(addresses) in alone
            addresses.append(address)
            numbers.append(number)
        self.shape, self.addresses, self.numbers = shape, addresses, numbers
        # Plain arrays are passed as flat ones, whatever their shape.
        self.key = (*key, None if plain else shape)


class Form:
    """The launches of a call, prepared except for addresses and numbers.

    Parameters
    ----------
    queue : Queue
    plan : Plan
        With its parameters.
    arrays : list
        pred, target, weight and mask as checked: arrays of the host that stand for those of the device.
    outs : tuple of ndarray or None
        The outputs given, likewise.
    normalizer : float, ndarray or None
        The divisor of a mean that the caller gave; an array if it is on the device.
    """

    def __init__(
        self, queue: Any, plan: Plan, arrays: list[Any], outs: tuple[Any, ...], normalizer: Any
    ) -> None:
        from fastloss._cuda.launch import Launch  # loads numba.cuda, which is optional

        self.plan, self.dtype, self.order = plan, result_type(arrays[0]), Order(arrays[0])
        self.held = [*arrays, *outs, *plan.params]
        arguments = [self._argument(k, x) for k, x in enumerate(self.held)]
        pred, target, weight, where, *written = arguments[:PARAMS]
        for k, is_written in enumerate(plan.written):
            if not is_written:
                written[k] = None
            elif outs[k] is None:
                written[k] = ArrayArgument(LOSS_OUT + k, 0, None, None, _passed(self.dtype))
        self.held.append(normalizer if _is_array(normalizer) else None)
        self.denominator = None  # a launch, if the device computes it
        if summands := self._summands(weight, where, normalizer):
            self.denominator = Launch(queue, validity.IDENTITY, *summands, queue.factors)
        numbers = tuple(NumberArgument(len(self.held) + k) for k in range(2))
        factors = queue.factors if self.denominator else numbers
        operands = pred, target, weight, where, tuple(arguments[PARAMS:]), factors, *written
        total = ArrayArgument(LOSS_OUT, 0, (1,), None, FLOAT64) if plan.summed else None
        self.launch = Launch(queue, plan.loss, plan.dtype, operands, total)
        self.disjoint = self._apart(arrays[0].size)

    def _summands(self, weight: Any, where: Any, normalizer: Any) -> tuple[DType, tuple[Any, ...]] | None:
        """The dtype and operands of a launch whose sum is the denominator; None if the host knows that."""
        plan = self.plan
        if plan.mean and self.held[-1] is not None:
            dtype, where = FLOAT64, None
            summed: Any = ArrayArgument(len(self.held) - 1, 0, (1,), None, _passed(normalizer.dtype))
        elif plan.mean and normalizer is None and (plan.weighted or plan.masked):
            dtype, summed = plan.dtype, 1.0 if weight is None else weight
        else:
            return None
        return dtype, (summed, 0.0, None, where, (), (1.0, 1.0), None, None, None)

    def _apart(self, size: int) -> Disjoint:
        # A normalizer is not included: a launch of its own reads it before anything is written.
        shown = {k: x for k, x in enumerate(self.held[:-1]) if _is_array(x)}
        outs = {k: x for k, x in shown.items() if LOSS_OUT <= k < PARAMS}
        others = {k: x for k, x in shown.items() if k not in outs}
        places = ((k, j) for k in outs for j in (PRED, TARGET) if j in others)
        return Disjoint(outs, others, {(k, j) for k, j in places if _alike(outs[k], others[j])}, size)

    def _argument(self, k: int, x: Any) -> Any:
        """An operand or output as kernels take it: None, a number, or an array in the order of elements."""
        if x is None:
            return None
        if not _is_array(x):
            kept = isinstance(x, np.ndarray) and x.dtype.kind == "b"
            return NumberArgument(k) if not kept else None if k == WHERE and x else bool(x)
        view = self.order.view(x)
        offset = address(view) - address(x)
        dtype = _passed(view.dtype)
        if view.flags.c_contiguous and address(view) % 16 == 0:
            return ArrayArgument(k, offset, None, None, dtype)
        shape, strides = coalesced(view, least=2)  # a flat array would be read in whole requests
        return ArrayArgument(k, offset, shape, strides, dtype)

    def given(self) -> tuple[list[int], list[Any]]:
        """The addresses and numbers of the call that the form was made from."""
        number = self.plan.dtype.type
        addresses = [address(x) if _is_array(x) else 0 for x in self.held]
        return addresses, [None if x is None or _is_array(x) else float(number(x)) for x in self.held]

    def fits(self, seen: Seen) -> bool:
        """Whether a call of this form does not need the full checks."""
        for x, (_, low, high, _) in zip(seen.numbers[PARAMS:-1], self.plan.ranges, strict=True):
            if x is not None and not low <= x <= high:
                return False
        return self.disjoint.holds(seen.addresses, prod(seen.shape))

    def run(
        self,
        pred: Any,
        shape: tuple[int, ...],
        addresses: list[int],
        numbers: list[Any],
        divisor: float | None,
        outs: tuple[Any, ...],
    ) -> Any:
        """Launch, and return what was asked for: the outputs given, and new ones from pred's library."""
        plan, size, results = self.plan, prod(shape), list(outs)
        for k, wanted in enumerate((plan.value, plan.grad, plan.hess)):
            if wanted and outs[k] is None:
                results[k] = self._new(pred, shape, plan.summed and k == 0)
                addresses[LOSS_OUT + k] = start = libraries.sight(results[k])[0]
                if start % 16 and not (plan.summed and k == 0):  # no known allocator does this
                    name = plan.loss.outputs[k]
                    raise RuntimeError(
                        f"{plan.loss.name}: a new array is not aligned to 16 bytes: pass {name}"
                    )
        denominator = (size if divisor is None else divisor) if plan.mean else 1.0
        numbers = [*numbers, float(denominator), 1.0 / (denominator or 1)]
        if self.denominator is not None:
            self.denominator.run(size if self.held[-1] is None else 1, addresses, numbers)
        self.launch.run(size, addresses, numbers)
        return results_of(plan, results[0], results)

    def _new(self, pred: Any, shape: tuple[int, ...], reduced: bool) -> Any:
        if reduced:
            return libraries.empty(pred, (), [], FLOAT64)
        # A plain form serves any number of axes.
        axes = list(range(len(shape))) if self.order.straight else self.order.axes
        return libraries.empty(pred, shape, axes, self.dtype)


def _passed(dtype: DType) -> DType:
    return _TWO_BYTES if is_bfloat16(dtype) else dtype


def _is_array(x: Any) -> bool:
    """Whether an operand stands for a device array; numbers are on the host."""
    return isinstance(x, np.ndarray) and (x.ndim > 0 or is_stand_in(x))


def _alike(x: Array, other: Array) -> bool:
    """Whether two arrays at one address are the same elements."""
    return (x.shape, x.strides, x.dtype) == (other.shape, other.strides, other.dtype)
