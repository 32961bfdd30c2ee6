"""The functions of tasks: for one block of every operand, for the sums of blocks, and for the denominator."""

from math import nan
from typing import Any

import numpy as np

from fastloss._cpu import engine, prepass
from fastloss._cpu.launch import Inputs, folded
from fastloss._cuda import engine as cuda_engine
from fastloss._cuda.libraries import is_device_array
from fastloss._definition.definition import OPERANDS, Definition
from fastloss._formula import validity
from fastloss._rules import arrays, numbers
from fastloss._rules.order import Order
from fastloss._rules.plan import Plan, warn_of_nan
from fastloss._rules.request import Request

Array = np.ndarray[Any, Any]
DType = np.dtype[Any]
#: The name of what a block's task takes besides operands and parameters, none of which can have this name.
DENOMINATOR = "normalizer"


class Block:
    """A call on one block of each array, which computes all its results in one pass.

    Parameters
    ----------
    loss : Loss
        It is pickled by its name or with its code.
    irls : bool
        Whether to compute its IRLS weights in place of the gradient.
    call, reduction : str
    names : tuple of str
        The names of the blocks that it will be called with.
    constants : dict
        Operands, parameters and the denominator that are the same in every block.
    weights_known : bool
        Whether an earlier pass has found the weights valid.
    """

    def __init__(
        self,
        loss: Definition,
        irls: bool,
        call: str,
        reduction: str,
        names: tuple[str, ...],
        constants: dict[str, Any],
        weights_known: bool,
    ) -> None:
        self.loss, self.irls, self.call, self.reduction = loss, irls, call, reduction
        self.names, self.constants, self.weights_known = names, constants, weights_known

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        return tuple(vars(self).values())

    def __call__(self, *blocks: Any) -> Any:
        given = self.constants | dict(zip(self.names, blocks, strict=True))
        denominator = float(given.pop(DENOMINATOR, 1.0))
        pred, target, weight, where = (given.pop(name, None) for name in OPERANDS)
        params = {name: x if np.ndim(x) else float(x) for name, x in given.items()}
        loss = self.loss._weights if self.irls else self.loss
        request = Request(
            loss, self.call, pred, target, weight, where, self.reduction, None, (None, None, None), params
        )
        if is_device_array(request.pred):
            return _on_device(request, denominator)
        return engine.part(request, denominator, self.weights_known)


def _on_device(request: Request, denominator: float) -> Any:
    """Compute on blocks of a CUDA device, and copy their sum to the host.

    A kernel divides the sum and the derivatives by the same number, so a mean with both takes two launches.
    """

    def run(call: str, **changed: Any) -> Any:
        for name, x in changed.items():
            setattr(request, name, x)
        request.call = call
        return cuda_engine.evaluate(request, None, None)

    call, mean = request.call, request.reduction == "mean"
    if request.reduction == "none":
        return run(call)
    divided: dict[str, Any] = {"reduction": "sum"}
    if mean and denominator:
        divided = {"reduction": "mean", "normalizer": denominator}
    if call in ("grad", "grad_and_hess"):
        return run(call, **divided)
    total = float(run("value", reduction="sum"))
    if call == "value":
        return total
    found = run("grad" if call == "value_and_grad" else "grad_and_hess", **divided)
    return (total, found) if call == "value_and_grad" else (total, *found)


def item(results: tuple[Any, ...], place: int) -> Any:
    """One of the results of a block."""
    return results[place]


class WeightOf:
    """The total weight of a block's elements that are kept, or their number.

    Parameters
    ----------
    who : str
        The loss, for messages.
    dtype : dtype
        The type to compute in.
    names : tuple of str
        The names of the blocks that it will be called with, after the shape of pred's block.
    constants : dict
        A weight or mask that is one number.
    """

    def __init__(self, who: str, dtype: DType, names: tuple[str, ...], constants: dict[str, Any]) -> None:
        self.who, self.dtype, self.names, self.constants = who, dtype, names, constants

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        return tuple(vars(self).values())

    def __call__(self, sizes: list[int], *blocks: Any) -> float:
        shape = tuple(sizes)
        given = self.constants | dict(zip(self.names, blocks, strict=True))
        if any(map(is_device_array, given.values())):
            return self._on_device(shape, **given)
        weight, where = given.get("weight"), given.get("where")
        view = Order(np.broadcast_to(0.0, shape)).view
        kept = None if where is None else view(arrays.mask(self.who, where, shape))
        if weight is None:
            return float(np.count_nonzero(kept))  # type: ignore[arg-type]
        weight = arrays.broadcast(self.who, "weight", weight, shape)
        inputs = Inputs(full := view(weight), full, full, kept)
        return float(prepass.total_weight(self.who, weight, inputs, self.dtype, True, None))

    def _on_device(self, shape: tuple[int, ...], weight: Any = None, where: Any = None) -> float:
        import cupy  # whose arrays these are

        full = cupy.ascontiguousarray(cupy.broadcast_to(1.0 if weight is None else weight, shape))
        request = Request(
            validity.IDENTITY, "value", full.astype(self.dtype), 0.0, None, where, "sum", None,
            (None, None, None), {},
        )  # fmt: skip
        return float(cuda_engine.evaluate(request, None, None))


def mean(sums: list[float], denominator: float) -> Any:
    """The reduced value, from the last sums of blocks."""
    total = folded(sums)
    return np.float64(total / denominator if denominator else nan)


def checked_denominator(sums: list[float], plan: Plan, weighted: bool) -> float:
    """The total weight, from the last sums of blocks, if a mean can be divided by it."""
    total = folded(sums)
    check_denominator(plan, total, "the sum of weights", weighted)
    return total


def check_denominator(plan: Plan, denominator: float, what: str, weighted: bool) -> None:
    """Warn of a mean over nothing; refuse a divisor that derivatives cannot be divided by."""
    if not denominator:
        warn_of_nan(plan, np.zeros(0) if weighted else None)
    elif plan.grad:
        numbers.factor(plan.loss.name, what, denominator, plan.dtype)


def checked_normalizer(value: Any, plan: Plan) -> float:
    """Check a normalizer that was lazy and return it."""
    number = numbers.normalizer(plan.loss.name, float(value), "mean")
    assert number is not None
    check_denominator(plan, number, "normalizer", False)
    return number
