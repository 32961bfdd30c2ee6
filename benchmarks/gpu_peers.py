"""Ways to compute the mean and the gradient of Huber's loss on a GPU: part of `benchmarks.gpu`.

A maker takes float32 arrays on the device and returns a call that gives the value and the gradient.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import cuda

import fastloss
from benchmarks.peers import Call

OnDevice = Any  # an array of numba.cuda, which has no types
Maker = Callable[[OnDevice, OnDevice], Call]


def fastloss_huber(pred: OnDevice, target: OnDevice) -> Call:
    out = cuda.device_array(pred.size, np.float32)
    return lambda: fastloss.huber.value_and_grad(pred, target, grad_out=out)


def torch_eager(pred: OnDevice, target: OnDevice) -> Call:
    import torch

    here = torch.as_tensor(pred, device="cuda").requires_grad_()
    there = torch.as_tensor(target, device="cuda")

    def call() -> tuple[Any, Any]:
        here.grad = None
        value = torch.nn.functional.huber_loss(here, there)
        value.backward()
        return value.detach(), here.grad

    return call


def cupy_lines(pred: OnDevice, target: OnDevice) -> Call:
    import cupy

    here, there = cupy.asarray(pred), cupy.asarray(target)

    def call() -> tuple[Any, Any]:
        error = here - there
        size = cupy.abs(error)
        value = cupy.where(size <= 1, 0.5 * error**2, size - 0.5).mean()
        return value, cupy.where(size <= 1, error, cupy.sign(error)) / error.size

    return call


#: The makers by the library that they need.
PEERS: dict[str, Maker] = {"torch": torch_eager, "cupy": cupy_lines}
