"""Derivatives of the losses of `fastloss.adapters.torch`: gradients, second derivatives and autocast."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fastloss.adapters import torch as adapter
from fastloss.adapters.torch import Huber, Loss

from .torch_tensors import outcome, tensors

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # raised by PyTorch


@pytest.mark.parametrize(
    "loss",
    [Loss("cauchy", scale=0.7), Loss("log_cosh", reduction="sum"), Loss("welsch", reduction="none")],
    ids=repr,
)
def test_gradcheck(loss):
    pred, target, _ = tensors(torch.float64, (4, 5))
    target.requires_grad_()
    assert torch.autograd.gradcheck(loss, (pred, target))
    column = target[:, :1].detach().requires_grad_()  # broadcast, so its gradient is a sum over the columns
    assert torch.autograd.gradcheck(loss, (pred, column))


def test_targets_alone_may_require_grad():
    pred, target, _ = tensors()
    target.requires_grad_()
    outcome(F.smooth_l1_loss, target, pred.detach())
    expected = target.grad
    target.grad = None
    adapter.smooth_l1_loss(pred.detach(), target).backward()
    torch.testing.assert_close(target.grad, expected)


def test_two_backward_passes_of_one_graph_give_one_gradient_twice():
    pred, target, _ = tensors()
    (once,) = torch.autograd.grad(adapter.mse_loss(pred, target), pred)
    value = 3 * adapter.mse_loss(pred, target)
    value.backward(retain_graph=True)
    value.backward()
    torch.testing.assert_close(pred.grad, 6 * once)


SMOOTH = [
    Loss("cauchy", scale=0.7),
    Loss("log_cosh", reduction="sum"),
    Loss("welsch", reduction="none"),
    Loss("pseudo_huber", delta=torch.tensor([0.3, 1.0, 2.0, 0.5, 1.5], dtype=torch.float64)),
]


@pytest.mark.parametrize("loss", SMOOTH, ids=lambda loss: loss.loss.name)
def test_second_derivatives(loss):
    pred, target, weight = tensors(torch.float64, (4, 5))
    target.requires_grad_()
    assert torch.autograd.gradgradcheck(loss, (pred, target))
    column = target[:, :1].detach().requires_grad_()
    assert torch.autograd.gradgradcheck(
        lambda *x: loss(*x, weight=weight, where=weight > 0.3), (pred, column)
    )


def test_hessians_and_penalties_are_pytorchs():
    pred, target, _ = tensors(torch.float64, (6,))
    point = pred.detach()
    for of in (torch.autograd.functional.hessian, lambda f, x: torch.autograd.functional.vhp(f, x, x)[1]):
        found = of(lambda x: adapter.huber_loss(x, target, delta=0.7), point)
        torch.testing.assert_close(found, of(lambda x: F.huber_loss(x, target, delta=0.7), point))
    found, expected = (
        torch.autograd.grad(
            (torch.autograd.grad(f(pred**2, target), pred, create_graph=True)[0] ** 2).sum(), pred
        )
        for f in (adapter.huber_loss, F.huber_loss)
    )
    torch.testing.assert_close(found, expected)


def test_what_second_derivatives_need_may_not_change_meanwhile():
    pred, target, weight = tensors(torch.float64, (6,))
    module = Loss("huber", delta=torch.full((6,), 0.7, dtype=torch.float64))
    for changed in (weight, module.delta, target):
        value = module(pred, target, weight=weight)
        (grad,) = torch.autograd.grad(value, pred, create_graph=True)
        changed.mul_(2)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            torch.autograd.grad(grad.sum(), pred)
    (grad,) = torch.autograd.grad(module(pred, target), pred, create_graph=True)
    (expected,) = torch.autograd.grad(grad.sum(), pred, retain_graph=True)
    (found,) = torch.autograd.grad(grad.mul_(2).sum(), pred)
    torch.testing.assert_close(found, 2 * expected)


def test_third_derivatives_are_refused():
    pred, target, _ = tensors(torch.float64, (6,))
    (grad,) = torch.autograd.grad(adapter.mse_loss(pred, target), pred, create_graph=True)
    (hess,) = torch.autograd.grad(grad.sum(), pred, create_graph=True)
    with pytest.raises(NotImplementedError, match="third derivatives are not supported"):
        torch.autograd.grad(hess.sum(), pred, retain_graph=True)
    with pytest.raises(NotImplementedError, match="third derivatives are not supported"):
        hess.sum().backward()


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
def test_autocast_computes_in_float32_as_pytorch_does(half):
    layer, (x, target, _) = nn.Linear(8, 1), tensors(shape=(4096, 8))
    found = []
    for loss in (adapter.huber_loss, Huber(), F.huber_loss):
        with torch.autocast("cpu", half):
            value = loss(layer(x), target[:, :1])
        found.append((value, *torch.autograd.grad(65536 * value, layer.parameters())))
    for ours in found[:2]:
        for mine, theirs in zip(ours, found[2], strict=True):
            assert mine.dtype == theirs.dtype == torch.float32
            torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=0)
