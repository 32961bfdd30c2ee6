"""What fastloss is measured against: the memory's speed, and the ways people write a loss today."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
from numba import njit, prange

Array = np.ndarray[Any, Any]


@njit(parallel=True, error_model="numpy")
def subtract(pred, target, out):
    """The ceiling for a gradient: reads two arrays, writes one, computes next to nothing."""
    for i in prange(pred.size):
        out[i] = pred[i] - target[i]


@njit(parallel=True, error_model="numpy", fastmath=True)
def total(pred, target):
    """The ceiling for a value: a float64 sum of two arrays; only fastmath makes it a vector loop."""
    result = 0.0
    for i in prange(pred.size):
        result += pred[i] + target[i]
    return result


def usual_numpy(pred: Array, target: Array, delta: float) -> tuple[Any, Array]:
    """Huber's mean and gradient as most people write them."""
    error = pred - target
    size = np.abs(error)
    value = np.where(size <= delta, 0.5 * error**2, delta * (size - 0.5 * delta)).mean()
    grad = np.where(size <= delta, error, delta * np.sign(error)) / error.size
    return value, grad


def best_numpy(pred: Array, target: Array, delta: Any, scale: Any) -> tuple[Any, Array]:
    """The fewest passes that NumPy allows; `delta` and `scale` = 1/n are of the arrays' type."""
    error = pred - target
    grad = error.clip(-delta, delta)
    value = (grad.dot(error) - 0.5 * grad.dot(grad)) * scale
    return value, grad * scale


def torch_eager(pred: Array, target: Array, delta: float) -> Callable[[], tuple[float, Array]] | None:
    """PyTorch's huber_loss, forward and backward, on the same memory; None without PyTorch."""
    if find_spec("torch") is None:
        return None
    import torch

    here = torch.from_numpy(pred).requires_grad_()
    there = torch.from_numpy(target)

    def call() -> tuple[float, Array]:
        here.grad = None
        value = torch.nn.functional.huber_loss(here, there, delta=delta)
        value.backward()
        assert here.grad is not None
        return float(value.detach()), here.grad.numpy()

    return call
