"""The engine for CUDA arrays: from a call to launches on the caller's stream.

Arrays of a device are checked and arranged as NumPy arrays of the same address, type and
strides, whose elements nobody on the host may touch.
"""

import sys
from functools import cache
from importlib.util import find_spec
from math import nan
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from fastloss import _check, _operands
from fastloss._blocks import Order, is_direct
from fastloss._plain import Plan, plan_of

if TYPE_CHECKING:
    from fastloss._loss import Loss

Array = np.ndarray[Any, Any]
DType = np.dtype[Any]

OPERANDS = ("pred", "target", "weight", "where")


def evaluate(
    loss: "Loss",
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
    _engine(who)
    _check.reduction(who, reduction)
    given = dict(zip(OPERANDS, (pred, target, weight, where), strict=True)) | params
    outputs = dict(zip(_check.OUTPUTS, outs, strict=True))
    _check_sides(who, given | outputs)
    seen = {name: _seen(who, name, x) for name, x in (given | outputs).items()}
    *arrays, dtype = _operands.operands(who, seen["pred"], seen["target"], seen["weight"], seen["where"])
    shape = seen["pred"].shape
    values = _check.parameters(loss, {name: seen[name] for name in params}, shape, dtype)
    divisor = _check.normalizer(who, normalizer, reduction)
    plan = plan_of(
        loss, call, reduction, dtype, tuple(values.values()), weight is not None, where is not None
    )
    named = dict(zip(OPERANDS, arrays, strict=True)) | values
    _operands.outputs(who, tuple(seen[name] for name in _check.OUTPUTS), named, plan.summed)
    if divisor is not None and plan.grad:
        _check.factor(who, "normalizer", divisor, dtype)
    return Launches(plan, pred, stream).run(arrays, outs, divisor)


def is_device_array(x: Any) -> bool:
    """Whether an object is an array in the memory of a CUDA device."""
    return hasattr(x, "__cuda_array_interface__")


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


def _seen(who: str, name: str, x: Any) -> Any:
    """A device's array as NumPy sees it; anything else as it is."""
    if not is_device_array(x):
        return x
    interface = x.__cuda_array_interface__
    if interface.get("mask") is not None:
        raise TypeError(f"{who}: {name} has a mask, which is not supported: pass it as where=")
    described = {key: interface[key] for key in ("shape", "typestr", "data")}
    # The interface of Numba's arrays leaves out strides that repeat elements.
    strides = x.strides if hasattr(x, "__cuda_ndarray__") else interface.get("strides")
    described |= {"strides": strides, "version": 3}
    if 0 in described["shape"]:
        return np.empty(described["shape"], described["typestr"])
    seen = np.asarray(SimpleNamespace(__array_interface__=described))
    if not (seen.dtype.isnative and seen.flags.aligned):
        raise TypeError(f"{who}: {name} must be aligned and of native byte order on a CUDA device")
    # A number on the device stays there: one to be broadcast.
    return seen if seen.ndim or name in (*OPERANDS, *_check.OUTPUTS) else seen.reshape(1)


class Launches:
    """The launches of a call, on one stream."""

    def __init__(self, plan: Plan, pred: Any, stream: Any) -> None:
        self.cuda = _engine(plan.loss.name)
        self.plan, self.pred = plan, pred
        self.stream = self.cuda.stream_of(_stream_of(pred) if stream is None else stream)

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
            factors = (float(number), 1.0 / number if number else nan)
        kind = _operands.result_type(arrays[0])
        wanted = plan.value and not plan.summed, plan.grad, plan.hess
        results = [
            (_empty(self.pred, order, kind) if out is None else out) if asked else None
            for out, asked in zip(outs, wanted, strict=True)
        ]
        total = _empty(self.pred, None, np.dtype(np.float64)) if plan.summed else None
        views = [None if x is None else self._arranged(order, _seen("", "pred", x)) for x in results]
        operands = size, pred, target, weight, where, params, factors, *views
        self.cuda.launch(plan.loss, plan.dtype, plan.summed, operands, total, self.stream)
        returned = [total if plan.summed else results[0], *results[1:]]
        found = tuple(
            x for x, asked in zip(returned, (plan.value, plan.grad, plan.hess), strict=True) if asked
        )
        return found if len(found) > 1 else found[0]

    def _denominator(self, size: int, weight: Any, where: Any) -> Any:
        """The total weight of the elements kept and its reciprocal, on the device."""
        from fastloss._prepass import identity

        factors = self.cuda.workspace(self.stream).factors
        operands = size, weight, 0.0, None, where, (), (1.0, 1.0), None, None, None
        self.cuda.launch(identity(), self.plan.dtype, True, operands, factors, self.stream)
        return factors

    def _arranged(self, order: Order, x: Any) -> Any:
        """An operand as kernels take it: None, a number, or an array in the order of elements."""
        if x is None or isinstance(x, float):
            return x
        if not isinstance(x.base, SimpleNamespace) and x.ndim == 0:  # a number of the host
            return x.item() if x.dtype.kind == "b" else float(self.plan.dtype.type(x))
        view = order.view(x)
        address = view.__array_interface__["data"][0]
        whole = is_direct(view) or (view.dtype == np.float16 and view.flags.c_contiguous)
        if whole and address % 16 == 0:
            return self.cuda.array(address, (view.size,), None, view.dtype, self.pred)
        shape, strides = _coalesced(view)
        return self.cuda.array(address, shape, strides, view.dtype, self.pred)


def _coalesced(x: Array) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The fewest axes, at least two, that describe where the elements of an array are, in C order."""
    shape: list[int] = []
    strides: list[int] = []
    for size, step in zip(x.shape, x.strides, strict=True):
        if size == 1:
            continue
        if shape and strides[-1] == size * step:
            shape[-1], strides[-1] = shape[-1] * size, step
        else:
            shape.append(size)
            strides.append(step)
    while len(shape) < 2:  # flat arrays are those that one request can read
        shape.append(1)
        strides.append(x.itemsize)
    return tuple(shape), tuple(strides)


def _maker(x: Any) -> str:
    """The library that an array comes from."""
    return type(x).__module__.partition(".")[0]


def _stream_of(x: Any) -> Any:
    """The stream on which an array's library works now; none means CUDA's legacy default stream."""
    maker = _maker(x)
    if maker == "torch":
        return sys.modules["torch"].cuda.current_stream(x.device).cuda_stream
    if maker == "cupy":
        return sys.modules["cupy"].cuda.get_current_stream().ptr
    return x.__cuda_array_interface__.get("stream")


def _empty(like: Any, order: Order | None, dtype: DType) -> Any:
    """A new array from the library of another: of its shape and order, or of no axes."""
    maker = _maker(like)
    axes = [] if order is None else order.axes
    shape = [] if order is None else [order.shape[axis] for axis in axes]
    back = [axes.index(axis) for axis in range(len(axes))]
    if maker == "torch":
        torch = sys.modules["torch"]
        return torch.empty(shape, dtype=getattr(torch, dtype.name), device=like.device).permute(back)
    if maker == "cupy":
        return sys.modules["cupy"].empty(shape, dtype).transpose(back)
    strides, step = [0] * len(shape), dtype.itemsize
    for axis, size in zip(reversed(axes), reversed(shape), strict=True):
        strides[axis], step = step, step * size
    return _engine("").empty(() if order is None else order.shape, tuple(strides), dtype)


@cache
def _engine(who: str) -> ModuleType:
    """The module of the kernels."""
    if find_spec("numba_cuda") is None:
        raise ImportError(
            f"{who}: CUDA arrays need numba-cuda: pip install 'fastloss[cuda13]', "
            "or fastloss[cuda12] for an older driver"
        )
    from fastloss import _cuda_launch

    return _cuda_launch
