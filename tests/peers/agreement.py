"""Compare every call of fastloss that returns a quantity with the result of a peer."""

from collections.abc import Iterator
from typing import Any

import numpy as np

import fastloss
from tests.peers.call import Call
from tests.peers.terms import TERMS

#: Results near zero are exact differences, or `rounding` allows for the terms that cancel.
RTOL = {"float64": 2e-15, "float32": 2e-7}


def results(call: Call, reduction: str, quantity: str, pred, target) -> Iterator[tuple[str, Any]]:
    """Yield the quantity from `value_grad_hess`, and for the inputs "errors" from every other call too.

    Other tests compare the calls with each other, and each takes seconds to compile.
    """
    loss = fastloss.get(call.loss)
    keywords = {"reduction": reduction, **call.params}
    index = ("value", "grad", "hess").index(quantity)
    yield "value_grad_hess", loss.value_grad_hess(pred, target, **keywords)[index]
    if call.inputs != "errors":
        return
    if quantity == "value":
        yield "call", loss(pred, target, **keywords)
    if quantity == "grad":
        yield "grad", loss.grad(pred, target, **keywords)
    if quantity == "hess":
        yield "grad_and_hess", loss.grad_and_hess(pred, target, **keywords)[1]
    else:
        yield "value_and_grad", loss.value_and_grad(pred, target, **keywords)[index]


def rounding(call: Call, reduction: str, quantity: str, pred, target):
    """The size of the terms in the formulas of the loss and the peer: rounding is relative to it too."""
    size = np.zeros(pred.shape)
    pred, target = pred.astype(float), target.astype(float)
    if call.loss in TERMS:
        size = size + TERMS[call.loss](pred, target, **call.params).get(quantity, 0)
    if quantity in call.terms:
        size = size + call.terms[quantity](pred, target)
    if reduction == "mean":
        size = size / pred.size
    return size.sum() if reduction != "none" and quantity == "value" else size


def assert_agrees(call: Call, reduction: str, quantity: str, pred, target, expected) -> None:
    """Assert that results agree with the peer's up to rounding, except where these are NaN."""
    rtol = call.rtol or RTOL[call.dtype]
    allowed = rtol * (abs(expected) + rounding(call, reduction, quantity, pred, target))
    compared = ~np.isnan(expected)
    for name, result in results(call, reduction, quantity, pred, target):
        if expected.ndim:
            assert (result.shape, result.dtype) == (expected.shape, call.dtype), name
        else:
            assert type(result) is float, name
        apart = abs(np.asarray(result, float) - expected)
        wrong = compared & ~(apart <= allowed)
        assert not wrong.any(), report(
            name, wrong, pred, target, np.asarray(result, float), expected, allowed
        )


def report(name, wrong, pred, target, result, expected, allowed) -> str:
    """Describe the worst elements."""
    if not expected.ndim:
        return f"{name}: {result}, the peer {expected}, allowed {allowed:.3g}"
    worst = np.argsort(np.where(wrong, -abs(result - expected) / np.where(allowed, allowed, 5e-324), 0))[:5]
    rows = [
        f"{pred[i]!r}, {target[i]!r}: {result[i]!r}, the peer {expected[i]!r}, allowed {allowed[i]:.3g}"
        for i in worst
        if wrong[i]
    ]
    return "\n".join([f"{name}: {wrong.sum()} of {wrong.size}", *rows])
