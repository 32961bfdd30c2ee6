"""Losses as modules of PyTorch."""

from typing import Any, Literal

from torch import Tensor, nn

import fastloss
from fastloss.adapters._checks import check_parameters
from fastloss.adapters.torch.autograd import LOSSES, check_tensors, evaluate, key_of

Reduction = Literal["mean", "sum", "none"]


class Loss(nn.Module):
    """A loss of fastloss as a module.

    Each loss also has a class of its own, named in PyTorch's style: ``SmoothL1(beta=0.5)`` is
    ``Loss("smooth_l1", beta=0.5)``.

    Parameters
    ----------
    loss : fastloss.Loss or str
        A loss, which may be your own, or the name of one that fastloss ships.
    reduction : {"mean", "sum", "none"}, default "mean"
        How the losses of the elements are reduced. A mean is divided by the sum of the weights, if any.
    **params : float or Tensor
        The loss's own parameters, such as ``delta``. A tensor becomes a buffer of the module.

    Raises
    ------
    TypeError
        A parameter that the loss does not have.

    Examples
    --------
    >>> import torch
    >>> from fastloss.adapters.torch import Loss
    >>> pred = torch.tensor([0.5, 3.0], requires_grad=True)
    >>> Loss("huber", delta=1.0)(pred, torch.zeros(2)).backward()
    >>> pred.grad
    tensor([0.2500, 0.5000])
    """

    def __init__(self, loss: fastloss.Loss | str, *, reduction: Reduction = "mean", **params: Any) -> None:
        super().__init__()
        self.loss = fastloss.get(loss)
        self.reduction = reduction
        self._key = key_of(self.loss)
        self._names = tuple(params)
        check_parameters(self.loss, params)
        for name, x in params.items():
            if isinstance(x, Tensor):
                self.register_buffer(name, x)
            else:
                setattr(self, name, x)

    def forward(
        self,
        pred: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        where: Tensor | None = None,
        normalizer: float | None = None,
    ) -> Tensor:
        """Return the loss, in the type of `pred`.

        Parameters
        ----------
        pred : Tensor
            Predictions, of a floating-point type.
        target, weight, where : Tensor
            Targets, weights and a boolean mask of the elements to keep, on `pred`'s device and of shapes that
            broadcast to its shape.
        normalizer : float, optional
            What a mean is divided by, instead of the sum of the weights or the number of elements.

        Returns
        -------
        Tensor
            The loss: without axes, or of the shape of `pred` with ``reduction="none"``.

        Raises
        ------
        TypeError, ValueError
            Anything that fastloss refuses, such as shapes that do not fit; a weight or parameter that
            requires grad; a target that requires grad, for a loss that is not one of ``pred - target``.
        """
        check_tensors(self._key, pred, target)
        given = {"weight": weight, "where": where, "normalizer": normalizer}
        given |= {name: getattr(self, name) for name in self._names}
        given = {name: x for name, x in given.items() if x is not None}
        return evaluate(self._key, pred, target, self.reduction, given)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._key = key_of(self.loss)

    def extra_repr(self) -> str:
        """The loss and its options, for the representation of the module."""
        params = "".join(f", {name}={getattr(self, name)!r}" for name in self._names)
        return f"{self.loss.name!r}{params}, reduction={self.reduction!r}"


def _module(loss: fastloss.Loss) -> type[Loss]:
    """The class of one loss."""

    def __init__(self: Loss, *, reduction: Reduction = "mean", **params: Any) -> None:
        Loss.__init__(self, loss, reduction=reduction, **params)

    name = "".join(map(str.capitalize, loss.name.split("_")))
    contents = {"__init__": __init__, "__doc__": f"`fastloss.{loss.name}` as a module: see `Loss`."}
    return type(name, (Loss,), contents | {"__module__": "fastloss.adapters.torch"})


#: A class for each loss of fastloss, by its name.
MODULES = {module.__name__: module for module in map(_module, LOSSES.values())}
