"""Losses that are called as those of `torch.nn.functional`, with its names, arguments and means."""

from typing import Any

from torch import Tensor

from fastloss.adapters.torch.autograd import evaluate
from fastloss.adapters.torch.modules import Reduction


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: None = None,
    reduce: None = None,
    reduction: Reduction = "mean",
    beta: float = 1.0,
) -> Tensor:
    """`torch.nn.functional.smooth_l1_loss` by `fastloss.smooth_l1`.

    Examples
    --------
    >>> import torch
    >>> from fastloss.adapters.torch import smooth_l1_loss
    >>> smooth_l1_loss(torch.tensor([0.5, 3.0]), torch.zeros(2))
    tensor(1.3125)
    """
    _refuse("smooth_l1_loss", size_average=size_average, reduce=reduce)
    return _evaluate("smooth_l1", input, target, reduction, {"beta": beta})


def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: Reduction = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """`torch.nn.functional.huber_loss` by `fastloss.huber`.

    A weighted mean is divided by the number of elements.
    """
    return _evaluate("huber", input, target, reduction, {"delta": delta}, weight, by_number=True)


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: None = None,
    reduce: None = None,
    reduction: Reduction = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """`torch.nn.functional.l1_loss` by `fastloss.absolute_error`.

    A weighted mean is divided by the sum of the weights.
    """
    _refuse("l1_loss", size_average=size_average, reduce=reduce)
    return _evaluate("absolute_error", input, target, reduction, {}, weight)


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: None = None,
    reduce: None = None,
    reduction: Reduction = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """`torch.nn.functional.mse_loss` by `fastloss.squared_error`.

    A weighted mean is divided by the sum of the weights.
    """
    _refuse("mse_loss", size_average=size_average, reduce=reduce)
    return _evaluate("squared_error", input, target, reduction, {}, weight)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: None = None,
    reduce: None = None,
    reduction: Reduction = "mean",
    pos_weight: None = None,
) -> Tensor:
    """`torch.nn.functional.binary_cross_entropy_with_logits` by `fastloss.binary_cross_entropy`.

    A weighted mean is divided by the number of elements. `pos_weight` is refused: where targets are 0 or 1,
    ``weight=torch.where(target == 1, pos_weight, 1.0)`` is the same.
    """
    name = "binary_cross_entropy_with_logits"
    _refuse(name, size_average=size_average, reduce=reduce, pos_weight=pos_weight)
    return _evaluate("binary_cross_entropy", input, target, reduction, {}, weight, by_number=True)


def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: None = None,
    eps: float = 1e-8,
    reduce: None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """`torch.nn.functional.poisson_nll_loss` by `fastloss.poisson_nll`, of the logarithm of the rate.

    ``log_input=False`` is refused, for which there is ``Loss("poisson")``, and so `eps` has no effect.
    ``full=True`` is refused too: its term does not depend on `input`.
    """
    _refuse("poisson_nll_loss", size_average=size_average, reduce=reduce, full=full or None)
    if not log_input:
        raise ValueError('poisson_nll_loss: log_input must be True, got False; Loss("poisson") takes rates')
    return _evaluate("poisson_nll", input, target, reduction, {})


def _refuse(name: str, **given: Any) -> None:
    for argument, x in given.items():
        if x is not None:
            raise ValueError(f"{name}: {argument} is not supported, got {x!r}")


def _evaluate(
    key: str,
    input: Tensor,
    target: Tensor,
    reduction: str,
    numbers: dict[str, float],
    weight: Tensor | None = None,
    by_number: bool = False,
) -> Tensor:
    """Evaluate a loss of tensors of one shape.

    A weighted mean is divided by their number or by the sum of the weights.
    """
    if target.shape != input.shape:  # which PyTorch would broadcast with a warning
        raise ValueError(_another_shape(key, "target", target, input))
    if weight is None:
        return evaluate(key, input, target, reduction, numbers, {})
    if weight.shape != input.shape:
        raise ValueError(_another_shape(key, "weight", weight, input))
    if by_number and reduction == "mean":
        numbers = numbers | {"normalizer": float(input.numel())}
    return evaluate(key, input, target, reduction, numbers, {"weight": weight})


def _another_shape(key: str, name: str, x: Tensor, input: Tensor) -> str:
    return f"{key}: {name} must have input's shape {tuple(input.shape)}, got {tuple(x.shape)}"
