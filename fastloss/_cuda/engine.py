"""The engine for CUDA arrays: from a call to launches on the caller's stream.

Device arrays are checked and arranged as NumPy arrays of the same address, dtype and strides, whose elements
must not be accessed on the host.
"""

from contextlib import nullcontext
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from fastloss._cuda import libraries
from fastloss._cuda.forms import Form, Seen
from fastloss._cuda.libraries import is_device_array, is_there
from fastloss._definition.definition import OPERANDS
from fastloss._formula import validity
from fastloss._rules import numbers, options
from fastloss._rules.arrays import has_axes, is_real
from fastloss._rules.order import address
from fastloss._rules.plan import Plan
from fastloss._rules.request import Request, checked


def seen(request: Request) -> Seen | None:
    """What is known of a call without checks; None if it is not on CUDA arrays or needs the full checks."""
    chosen = request.call, request.reduction, request.normalizer is None
    operands = request.pred, request.target, request.weight, request.where
    divisor = request.normalizer if _is_read_there(request.loss.name, request.normalizer) else None
    try:
        return Seen(request.loss, chosen, operands + request.outs, request.params, divisor)
    except LookupError:
        return None


def evaluate(request: Request, stream: Any, seen: Seen | None) -> Any:
    """Launch a known form; else first check everything that does not need elements, then launch."""
    who, pred = request.loss.name, request.pred
    queues = _queues(who)
    if seen is not None and (form := queues.known_form(who, seen, stream)) is not None:
        divisor = None
        if not _is_read_there(who, request.normalizer):
            divisor = numbers.normalizer(who, request.normalizer, request.reduction)
            _check_factor(form.plan, divisor)
        if stream is None:
            return form.run(pred, seen.shape, seen.addresses, seen.numbers, divisor, request.outs)
        with _allocating(queues, pred, stream):
            return form.run(pred, seen.shape, seen.addresses, seen.numbers, divisor, request.outs)
    stand_ins, shown = _with_stand_ins(request)
    plan, arrays, divisor, _ = checked(shown, on_device=True)
    if request.weight is not None and "weight" not in stand_ins:
        numbers.values(who, "weight", validity.WEIGHTS, arrays[2], plan.dtype)
    _check_factor(plan, divisor)
    with queues.on_device_of(who, {name: address(x) for name, x in stand_ins.items() if x.size}):
        current = libraries.current_stream(pred, libraries.interface_of(pred))
        queue = queues.queue(who, current if stream is None else stream)
        form = Form(queue, plan, arrays, shown.outs, stand_ins.get("normalizer", divisor))
        with _allocating(queues, pred, stream):
            results = form.run(pred, arrays[0].shape, *form.given(), divisor, request.outs)
    if seen is not None:
        queue.remember(seen.key, form)
    return results


def _is_read_there(who: str, normalizer: Any) -> bool:
    """Whether a normalizer is on the device, where kernels read it but its value is not checked."""
    return (
        normalizer is not None and type(normalizer) not in numbers.NUMBER_TYPES and is_there(who, normalizer)
    )


def _check_factor(plan: Plan, divisor: float | None) -> None:
    if divisor is not None and plan.grad:
        numbers.factor(plan.loss.name, "normalizer", divisor, plan.dtype)


def _with_stand_ins(request: Request) -> tuple[dict[str, Any], Request]:
    """Host arrays that stand for the device arrays, by name, and the request with them."""
    who = request.loss.name
    options.reduction(who, request.reduction)
    given = request.inputs | dict(zip(request.loss.outputs, request.outs, strict=True))
    _check_sides(who, given)
    found = {name: libraries.stand_in(who, name, x) for name, x in given.items() if is_device_array(x)}
    shown = given | found
    normalizer = request.normalizer
    if _is_read_there(who, normalizer):
        found["normalizer"] = x = libraries.stand_in(who, "normalizer", normalizer)
        if x.ndim or not is_real(x.dtype):
            what = f"shape {x.shape} and dtype {x.dtype}"
            raise TypeError(f"{who}: normalizer must be a number, got a device array of {what}")
        normalizer = 1.0  # for the checks of everything else
    operands = {name: shown[name] for name in OPERANDS}
    params = {name: shown[name] for name in request.params}
    loss_out, grad_out, hess_out = (shown[name] for name in request.loss.outputs)
    outs = loss_out, grad_out, hess_out
    return found, replace(request, **operands, params=params, outs=outs, normalizer=normalizer)


def _allocating(queues: ModuleType, pred: Any, stream: Any) -> Any:
    """A context in which new arrays are allocated for the caller's stream, if one was given."""
    return nullcontext() if stream is None else libraries.on_stream(pred, queues.handle_of("", stream))


def _check_sides(who: str, given: dict[str, Any]) -> None:
    """Refuse host arrays beside device arrays; numbers may be anywhere."""
    there = [name for name, x in given.items() if is_device_array(x)]
    here = [name for name, x in given.items() if not is_device_array(x) and has_axes(x)]
    if "pred" not in there and "pred" not in here:
        here.append("pred")
    if here:
        raise TypeError(
            f"{who}: {' and '.join(there)} on a CUDA device, {' and '.join(here)} on the host: "
            "expected all arrays on one side"
        )


@cache
def _queues(who: str) -> ModuleType:
    """The module of queues, if there is a device to run them."""
    if find_spec("numba_cuda") is None:
        raise ImportError(
            f"{who}: CUDA arrays need numba-cuda: pip install 'fastloss[cuda13]', "
            "or fastloss[cuda12] for an older driver"
        )
    from fastloss._cuda import queues

    queues.check_driver(who)
    return queues
