"""A loss of tensors that autograd can differentiate and `torch.compile` can put into a graph."""

from collections.abc import Sequence
from typing import Any

import ml_dtypes
import numpy as np
import torch
from torch import Tensor

import fastloss
from fastloss.adapters._checks import is_of_the_error

_HALVES = torch.float16, torch.bfloat16
#: Every loss in use by its key, because a compiled graph cannot hold Python objects.
LOSSES = {name: loss for name, loss in vars(fastloss).items() if isinstance(loss, fastloss.Loss)}


def key_of(loss: fastloss.Loss) -> str:
    """The key of a loss: its name, with a number if another loss has that name."""
    key, number = loss.name, 1
    while LOSSES.setdefault(key, loss) is not loss:
        key, number = f"{loss.name}_{number}", number + 1
    return key


def evaluate(key: str, pred: Tensor, target: Tensor, reduction: str, given: dict[str, Any]) -> Tensor:
    """The value of a loss. Its gradient is computed in the same pass if it will be needed.

    `given` holds further keywords of the loss's calls.
    """
    # Asking the type first saves a fifth of a microsecond for each number.
    arrays = {name: x for name, x in given.items() if type(x) is not float and isinstance(x, Tensor)}
    numbers = {name: x for name, x in given.items() if name not in arrays} if arrays else given
    _check(key, pred, target, arrays)
    if pred.dtype in _HALVES and torch.is_autocast_enabled(pred.device.type):
        pred = pred.float()  # as PyTorch's losses: the gradients of a mean are too small for float16
    if torch.is_grad_enabled() and (pred.requires_grad or target.requires_grad):
        value: Tensor = _WithGrad.apply(pred, target, (key, reduction, numbers, arrays))
        return value
    return _evaluated(pred, target, key, reduction, numbers, arrays, False)[0]


def _check(key: str, pred: Tensor, target: Tensor, arrays: dict[str, Tensor]) -> None:
    """Refuse what PyTorch could not differentiate, or would not compute."""
    if not pred.is_floating_point():
        raise TypeError(f"{key}: pred must have a floating-point type, got {pred.dtype}")
    for name, x in arrays.items():
        if x.requires_grad:
            raise TypeError(
                f"{key}: {name} requires grad, but only pred and target have a gradient: pass {name}.detach()"
            )
    if target.requires_grad and not _is_of_the_error(key):
        raise TypeError(
            f"{key}: target requires grad, but its gradient is known for losses of pred - target only: "
            "pass target.detach()"
        )


def check_tensors(key: str, pred: Any, target: Any) -> None:
    """Refuse what is not a tensor."""
    if not (isinstance(pred, Tensor) and isinstance(target, Tensor)):
        raise TypeError(f"{key}: pred and target must be tensors, got {type(pred)} and {type(target)}")


@torch.compiler.assume_constant_result
def _is_of_the_error(key: str) -> bool:
    """Whether the gradients with respect to pred and target are opposite numbers; constant in a graph."""
    return is_of_the_error(LOSSES[key])


def _evaluated(
    pred: Tensor,
    target: Tensor,
    key: str,
    reduction: str,
    numbers: dict[str, Any],
    arrays: dict[str, Tensor],
    with_grad: bool,
) -> list[Tensor]:
    """The value as a tensor, with the gradient with respect to `pred` as another if it is wanted."""
    if torch.compiler.is_compiling():
        names = ",".join([*numbers, *arrays])
        values = [float(x) for x in numbers.values()]
        found: list[Tensor] = _node(
            pred, target, key, reduction, names, values, list(arrays.values()), with_grad
        )
        return found
    loss, given = LOSSES[key], _joined(numbers, arrays)
    if with_grad:
        value, grad = loss.value_and_grad(_array(pred), _array(target), reduction=reduction, **given)
        return [_tensor(value, pred), _tensor(grad, pred)]
    return [_tensor(loss(_array(pred), _array(target), reduction=reduction, **given), pred)]


def _joined(numbers: dict[str, Any], arrays: dict[str, Tensor]) -> dict[str, Any]:
    """The keywords of a call."""
    return numbers | {name: _array(x) for name, x in arrays.items()} if arrays else numbers


def _array(x: Tensor) -> Any:
    """A tensor in the form that fastloss takes, sharing its memory."""
    if x.requires_grad:
        x = x.detach()
    if x.is_cuda:
        return x
    if x.dtype is torch.bfloat16:
        return x.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    return x.numpy()


def _tensor(x: Any, pred: Tensor) -> Tensor:
    """A result of fastloss as a tensor of the type of `pred`; an array is not copied.

    On the host, NumPy allocates the array and asks for huge pages. With them, value and gradient of 2^24
    elements of float32 take 17 ms; with memory allocated by PyTorch, 43.
    """
    if isinstance(x, Tensor):
        return x.to(pred.dtype)
    if not isinstance(x, np.ndarray):
        return torch.scalar_tensor(x, dtype=pred.dtype)
    if pred.dtype is torch.bfloat16:
        return torch.from_numpy(x.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(x)


# For `torch.func` they would need `setup_context`, with which a step of 1,000 elements takes 85 us, not 47.
class _WithGrad(torch.autograd.Function):
    """A value whose gradient is computed with it."""

    @staticmethod
    def forward(ctx: Any, pred: Tensor, target: Tensor, call: tuple[Any, ...]) -> Tensor:
        key, reduction, numbers, arrays = call
        value, grad = _evaluated(pred, target, key, reduction, numbers, arrays, True)
        ctx.save_for_backward(grad, pred, target, *arrays.values())
        ctx.call = key, reduction, numbers, tuple(arrays)
        return value

    @staticmethod
    def backward(ctx: Any, factor: Tensor) -> tuple[Tensor | None, ...]:
        grad, pred, target, *arrays = ctx.saved_tensors
        if torch.is_grad_enabled():  # by create_graph=True
            grad = _Grad.apply(grad, pred, target, ctx.call, *arrays)
        # A factor of 1 is skipped where its value can be read: not in a graph, nor on a device, for which the
        # host would have to wait.
        if factor.dim() or factor.is_cuda or torch.compiler.is_compiling() or factor.item() != 1:
            grad = grad * factor
        return grad, _opposite(grad, target) if ctx.needs_input_grad[1] else None, None


class _Grad(torch.autograd.Function):
    """A gradient, which is differentiated by another pass, for the second derivatives of the elements."""

    @staticmethod
    def forward(
        ctx: Any, grad: Tensor, pred: Tensor, target: Tensor, call: tuple[Any, ...], *arrays: Tensor
    ) -> Tensor:
        ctx.save_for_backward(pred, target, *arrays)
        ctx.call = call
        return grad.clone()  # which a caller may write to

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        pred, target, *arrays = ctx.saved_tensors
        key, reduction, numbers, names = ctx.call
        given = _joined(numbers, dict(zip(names, arrays, strict=True)))
        _, hess = LOSSES[key].grad_and_hess(_array(pred), _array(target), reduction=reduction, **given)
        second = _Last.apply(_tensor(hess, pred), pred, target) * upstream
        opposite = _opposite(second, target) if ctx.needs_input_grad[2] else None
        return None, second, opposite, None, *[None] * len(arrays)


class _Last(torch.autograd.Function):
    """Second derivatives, whose differentiation raises; they require grad as `pred` and `target` do."""

    @staticmethod
    def forward(ctx: Any, hess: Tensor, pred: Tensor, target: Tensor) -> Tensor:
        return hess.view_as(hess)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> Any:
        raise NotImplementedError("fastloss: third derivatives are not supported")


def _opposite(grad: Tensor, target: Tensor) -> Tensor:
    """The gradient with respect to a target that was broadcast."""
    return -grad.sum_to_size(target.shape)


@torch.library.custom_op("fastloss::evaluate", mutates_args=())
def _node(
    pred: Tensor,
    target: Tensor,
    key: str,
    reduction: str,
    names: str,
    numbers: Sequence[float],
    arrays: Sequence[Tensor],
    with_grad: bool,
) -> list[Tensor]:
    """`_evaluated` as one node of a graph, which takes dictionaries as names and values."""
    each = names.split(",") if names else []
    named = dict(zip(each, numbers, strict=False)), dict(zip(each[len(numbers) :], arrays, strict=True))
    return _evaluated(pred, target, key, reduction, *named, with_grad)


@_node.register_fake
def _shapes(
    pred: Tensor,
    target: Tensor,
    key: str,
    reduction: str,
    names: str,
    numbers: Any,
    arrays: Any,
    with_grad: bool,
) -> list[Tensor]:
    """Tensors of the shapes and types that the node returns, without their values."""
    value = torch.empty_like(pred) if reduction == "none" else pred.new_empty(())
    return [value, torch.empty_like(pred)] if with_grad else [value]
