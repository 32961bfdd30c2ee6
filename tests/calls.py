"""Operands for calls of every loss, and their results by name."""

import numpy as np

import fastloss
from fastloss._definition.drawing import drawn
from fastloss._rules.options import CALLS

DTYPES = [np.float32, np.float64]
OUTPUTS = ("loss_out", "grad_out", "hess_out")


def data(shape, dtype, seed=0, loss=fastloss.huber):
    """Predictions and targets that a loss allows."""
    pred, target = drawn(loss, np.random.default_rng(seed), shape, dtype, 3.0)
    if loss.operands.get("pred") == loss.operands.get("target"):
        pred.flat[::5] = target.flat[::5]  # errors of exactly zero
    return pred, target


def invoke(loss, call, *args, **options):
    """Make one call of a loss, and return its results by name."""
    results = loss(*args, **options) if call == "value" else getattr(loss, call)(*args, **options)
    names = [name for name, wanted in CALLS[call]._asdict().items() if wanted]
    return dict(zip(names, results if len(names) > 1 else [results], strict=True))


def outputs_of(call, reduction, shape, dtype):
    wanted = CALLS[call]
    asked = (wanted.value and reduction == "none", wanted.grad, wanted.hess)
    return {name: np.full(shape, 7, dtype) for name, is_asked in zip(OUTPUTS, asked, strict=True) if is_asked}
