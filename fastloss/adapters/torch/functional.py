"""Losses that are called like those of `torch.nn.functional`, with the same names, arguments and means."""

from typing import Any

from torch import Tensor

from fastloss.adapters.torch.autograd import check_tensors, evaluate
from fastloss.adapters.torch.modules import Reduction


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: None = None,
    reduce: None = None,
    reduction: Reduction = "mean",
    beta: float = 1.0,
) -> Tensor:
    """Compute `torch.nn.functional.smooth_l1_loss` with `fastloss.smooth_l1`.

    Parameters
    ----------
    input, target : Tensor
        Predictions and targets, of one shape.
    size_average, reduce : None
        PyTorch's deprecated forms of `reduction`; refused.
    reduction : {"mean", "sum", "none"}, default "mean"
        How the losses of the elements are reduced.
    beta : float, default 1.0
        The error at which the loss turns from quadratic to linear.

    Returns
    -------
    Tensor
        The loss, which has gradients with respect to `input` and `target`.

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
    """Compute `torch.nn.functional.huber_loss` with `fastloss.huber`.

    Parameters
    ----------
    input, target : Tensor
        Predictions and targets, of one shape.
    reduction : {"mean", "sum", "none"}, default "mean"
        How the losses of the elements are reduced.
    delta : float, default 1.0
        The error at which the loss turns from quadratic to linear.
    weight : Tensor of input's shape, optional
        Weights of the elements, finite and >= 0.

    Returns
    -------
    Tensor
        The loss, which has gradients with respect to `input` and `target`.

    Notes
    -----
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
    """Compute `torch.nn.functional.l1_loss` with `fastloss.absolute_error`.

    Parameters
    ----------
    input, target : Tensor
        Predictions and targets, of one shape.
    size_average, reduce : None
        PyTorch's deprecated forms of `reduction`; refused.
    reduction : {"mean", "sum", "none"}, default "mean"
        How the losses of the elements are reduced.
    weight : Tensor of input's shape, optional
        Weights of the elements, finite and >= 0.

    Returns
    -------
    Tensor
        The loss, which has gradients with respect to `input` and `target`.

    Notes
    -----
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
    """Compute `torch.nn.functional.mse_loss` with `fastloss.squared_error`.

    Parameters
    ----------
    input, target : Tensor
        Predictions and targets, of one shape.
    size_average, reduce : None
        PyTorch's deprecated forms of `reduction`; refused.
    reduction : {"mean", "sum", "none"}, default "mean"
        How the losses of the elements are reduced.
    weight : Tensor of input's shape, optional
        Weights of the elements, finite and >= 0.

    Returns
    -------
    Tensor
        The loss, which has gradients with respect to `input` and `target`.

    Notes
    -----
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
    """Compute PyTorch's function of the same name with `fastloss.binary_cross_entropy`.

    Parameters
    ----------
    input, target : Tensor
        Predictions and targets, of one shape.
    weight : Tensor of input's shape, optional
        Weights of the elements, finite and >= 0.
    size_average, reduce : None
        PyTorch's deprecated forms of `reduction`; refused.
    reduction : {"mean", "sum", "none"}, default "mean"
        How the losses of the elements are reduced.
    pos_weight : None
        Refused; see the Notes.

    Returns
    -------
    Tensor
        The loss, which has a gradient with respect to `input` only.

    Notes
    -----
    A weighted mean is divided by the number of elements. `pos_weight` is refused: where targets are 0 or 1,
    ``weight=torch.where(target == 1, pos_weight, 1.0)`` gives the same loss.
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
    """Compute PyTorch's function of the same name, for logarithms of rates, with `fastloss.poisson_nll`.

    Parameters
    ----------
    input, target : Tensor
        Predictions and targets, of one shape.
    log_input, full, size_average, eps, reduce : optional
        As in PyTorch. `eps` has no effect; the others are refused unless they have their defaults.
    reduction : {"mean", "sum", "none"}, default "mean"
        How the losses of the elements are reduced.

    Returns
    -------
    Tensor
        The loss, which has a gradient with respect to `input` only.

    Notes
    -----
    ``log_input=False`` is refused: use ``Loss("poisson")`` instead. `eps`, which matters only there, has no
    effect. ``full=True`` is refused too: the term that it adds does not depend on `input`.
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
    params: dict[str, Any],
    weight: Tensor | None = None,
    by_number: bool = False,
) -> Tensor:
    """Evaluate a loss of tensors of one shape.

    A weighted mean is divided by their number if `by_number`, else by the sum of the weights.
    """
    check_tensors(key, input, target)
    if target.shape != input.shape:  # PyTorch would broadcast them with a warning
        raise ValueError(_another_shape(key, "target", target, input))
    given: dict[str, Any] = params
    if weight is not None:
        if not isinstance(weight, Tensor):
            raise TypeError(f"{key}: weight must be a tensor, got {type(weight)}")
        if weight.shape != input.shape:
            raise ValueError(_another_shape(key, "weight", weight, input))
        given = params | {"weight": weight}
        if by_number and reduction == "mean" and input.numel():  # the mean over nothing is NaN
            given["normalizer"] = input.numel()
    return evaluate(key, input, target, reduction, given)


def _another_shape(key: str, name: str, x: Tensor, input: Tensor) -> str:
    return f"{key}: {name} must have input's shape {tuple(input.shape)}, got {tuple(x.shape)}"
