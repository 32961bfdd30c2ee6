"""Tensors for losses of PyTorch, and what a loss makes of them."""

import torch

ELEMENTS = 3, 1000


def tensors(dtype=torch.float32, shape=ELEMENTS):
    """Predictions that require grad, targets from 0 to 1, and weights from 0 to 1."""
    numbers = torch.Generator().manual_seed(5)
    pred = torch.randn(shape, generator=numbers, dtype=torch.float64).to(dtype).requires_grad_()
    return (
        pred,
        torch.rand(shape, generator=numbers).to(dtype),
        torch.rand(shape, generator=numbers).to(dtype),
    )


def outcome(function, pred, *others, upstream=1.0, **options):
    """Compute the value and the gradient of a function."""
    pred.grad = None
    value = function(pred, *others, **options)
    (upstream * value).sum().backward()
    return value.detach(), pred.grad
