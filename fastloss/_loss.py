"""The public object: a loss and its six calls."""

import inspect
from functools import update_wrapper
from typing import Any

from fastloss._definition.definition import Definition, Formula
from fastloss._definition.domain import ANYTHING, Domains, Operands
from fastloss._dispatch import evaluate
from fastloss._pickling import has_a_name, packed, unpacked
from fastloss._rules.options import CALLS, IRLS, REQUIRED
from fastloss._signature import allowed, called, to_be_shown, with_parameters


class Loss(Definition):
    """A loss: call it for the value, or ask for its derivatives too.

    Every call reads `pred` and `target` once, whatever it returns, and takes the parameters below.

    Parameters
    ----------
    pred, target : array_like of real numbers
        Predictions and targets, of any memory layout and any type of at most 64 bits. The computation is in
        float32 if both are float16, bfloat16 (of ml_dtypes or PyTorch) or float32, else in float64; beside
        floats, a Python number takes their type.
        `target` and all other arrays are broadcast to the shape of `pred`. NaN in `pred` or `target` gives
        NaN.
        Series, frames and arrays of pandas, Polars, Arrow, xarray and JAX are taken as they are, with missing
        numbers as NaN; their labels must be the same. If `pred` is of pandas, elementwise results have its
        kind and labels. If any operand is a Dask array, all results are Dask arrays, computed block by block
        on demand.
        CUDA arrays (experimental) are checked except for their values, and give CUDA arrays. This includes
        the reduced value, an array without axes, which can be written to `loss_out`.
    weight : array_like, optional
        Weights, finite and >= 0: each multiplies the loss and the derivatives of its element.
    where : array_like of bool, optional
        Elements to keep, as in NumPy's reductions. An element that is left out does not count, and
        its derivatives are 0, whatever `pred`, `target` and `weight` are there. Parameters must
        be allowed there too.
    reduction : {"mean", "sum", "none"}, default "mean"
        How the losses of the elements are reduced. A mean is divided by the sum of the weights of the
        elements kept or, without weights, by their number. The gradient is that of the reduced value.
    normalizer : float, optional
        With "mean", a positive number to divide by instead. With CUDA arrays, it may be an array without axes
        on their device, which is read there and not checked.
    loss_out, grad_out, hess_out, weights_out : ndarray, optional
        The array to write a result to, which is then returned. It has the shape and type of the result and
        any strides, and may be `pred` or `target` itself. A new array costs page faults (1.3 times the time
        of value and gradient for 2^26 float32 elements), so pass one if you call repeatedly.
    stream : optional
        With CUDA arrays, the stream to launch on, of any library or as a number. The default is the current
        stream of the library of `pred`.
    **params : float or array_like
        The loss's own parameters, such as ``delta``; see the loss. Every value of an array must
        be one that the loss allows.

    Returns
    -------
    value : float, or ndarray with ``reduction="none"``
        Summed in float64, in an order that depends only on the number of elements, counted along the axes of
        `pred` in their memory order. The bits are the same for any number of threads, and on any processor
        if the formula only adds, multiplies and divides. (A GPU may fuse a product with a sum, with one
        rounding; the losses of this package leave it no product for which that matters.)
    grad, hess : ndarray of pred's shape
        First and second derivative with respect to `pred`, of its type if that is a floating-point type, else
        float64, with its axes in the same memory order. Scalars give scalars.

    Raises
    ------
    ValueError
        A shape or labels that do not fit, a weight or parameter outside its domain, an unknown reduction,
        or an output that has the wrong shape or overlaps another array. Nothing has been written.
    TypeError
        An unknown keyword or an unsupported type.
    ImportError
        A CUDA array without numba-cuda.

    Warns
    -----
    RuntimeWarning
        A mean over no elements or over a total weight of 0, which is NaN.

    Examples
    --------
    >>> import numpy as np, fastloss
    >>> pred, target = np.array([2.5, 0.3, 4.1]), np.array([3.0, 0.0, 4.0])
    >>> fastloss.huber(pred, target, reduction="none").round(6)
    array([0.125, 0.045, 0.005])
    """

    def __init__(
        self,
        formula: Formula,
        domains: Domains,
        aliases: tuple[str, ...] = (),
        operands: Operands = ANYTHING,
        irls_weights: Formula | str | None = None,
    ) -> None:
        update_wrapper(self, formula)
        super().__init__(formula, domains, aliases, operands, irls_weights)
        self.__signature__ = with_parameters(Loss.__call__, self.domains)
        how = allowed(self.operands) + called(self.name, self.__signature__)
        self.__doc__ = f"{inspect.cleandoc(formula.__doc__ or '')}\n\n{how}"

    def __repr__(self) -> str:
        return f"<fastloss loss {self.name}>"

    def __reduce__(self) -> Any:
        # By module and name, like a function, where these lead to it; else with its code.
        return self.__qualname__ if has_a_name(self) else (unpacked, (type(self), packed(self)))

    def __copy__(self) -> "Loss":
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> "Loss":
        return self

    def __call__(
        self,
        pred: Any = REQUIRED,
        target: Any = REQUIRED,
        *extra: Any,
        weight: Any = None,
        where: Any = None,
        reduction: str = "mean",
        normalizer: float | None = None,
        loss_out: Any = None,
        stream: Any = None,
        **params: Any,
    ) -> Any:
        """Return the value.

        Examples
        --------
        >>> from fastloss import squared_error
        >>> squared_error([1.0, 2.0], [0.0, 0.0], reduction="sum")
        5.0
        """
        return evaluate(
            self, "value", pred, target, weight, where, reduction, normalizer,
            (loss_out, None, None), params, stream, extra,
        )  # fmt: skip

    def grad(
        self,
        pred: Any = REQUIRED,
        target: Any = REQUIRED,
        *extra: Any,
        weight: Any = None,
        where: Any = None,
        reduction: str = "mean",
        normalizer: float | None = None,
        grad_out: Any = None,
        stream: Any = None,
        **params: Any,
    ) -> Any:
        """Return the gradient.

        Examples
        --------
        >>> from fastloss import squared_error
        >>> squared_error.grad([1.0, 2.0], [0.0, 0.0], reduction="sum")
        array([2., 4.])
        """
        return evaluate(
            self, "grad", pred, target, weight, where, reduction, normalizer,
            (None, grad_out, None), params, stream, extra,
        )  # fmt: skip

    def value_and_grad(
        self,
        pred: Any = REQUIRED,
        target: Any = REQUIRED,
        *extra: Any,
        weight: Any = None,
        where: Any = None,
        reduction: str = "mean",
        normalizer: float | None = None,
        loss_out: Any = None,
        grad_out: Any = None,
        stream: Any = None,
        **params: Any,
    ) -> tuple[Any, Any]:
        """Return ``(value, gradient)``.

        Examples
        --------
        >>> from fastloss import huber
        >>> huber.value_and_grad([0.5, 3.0], [0.0, 0.0], delta=1.0)
        (1.3125, array([0.25, 0.5 ]))
        """
        results: tuple[Any, Any] = evaluate(
            self, "value_and_grad", pred, target, weight, where, reduction, normalizer,
            (loss_out, grad_out, None), params, stream, extra,
        )  # fmt: skip
        return results

    def grad_and_hess(
        self,
        pred: Any = REQUIRED,
        target: Any = REQUIRED,
        *extra: Any,
        weight: Any = None,
        where: Any = None,
        reduction: str = "mean",
        normalizer: float | None = None,
        grad_out: Any = None,
        hess_out: Any = None,
        stream: Any = None,
        **params: Any,
    ) -> tuple[Any, Any]:
        """Return ``(gradient, second derivative)``, both elementwise.

        Examples
        --------
        >>> from fastloss import huber
        >>> huber.grad_and_hess([0.5, 3.0], [0.0, 0.0], delta=1.0, reduction="sum")
        (array([0.5, 1. ]), array([1., 0.]))
        """
        results: tuple[Any, Any] = evaluate(
            self, "grad_and_hess", pred, target, weight, where, reduction, normalizer,
            (None, grad_out, hess_out), params, stream, extra,
        )  # fmt: skip
        return results

    def value_grad_hess(
        self,
        pred: Any = REQUIRED,
        target: Any = REQUIRED,
        *extra: Any,
        weight: Any = None,
        where: Any = None,
        reduction: str = "mean",
        normalizer: float | None = None,
        loss_out: Any = None,
        grad_out: Any = None,
        hess_out: Any = None,
        stream: Any = None,
        **params: Any,
    ) -> tuple[Any, Any, Any]:
        """Return ``(value, gradient, second derivative)``.

        Examples
        --------
        >>> from fastloss import huber
        >>> huber.value_grad_hess([0.5, 3.0], [0.0, 0.0], delta=1.0, reduction="sum")
        (2.625, array([0.5, 1. ]), array([1., 0.]))
        """
        results: tuple[Any, Any, Any] = evaluate(
            self, "value_grad_hess", pred, target, weight, where, reduction, normalizer,
            (loss_out, grad_out, hess_out), params, stream, extra,
        )  # fmt: skip
        return results

    def irls_weights(
        self,
        pred: Any = REQUIRED,
        target: Any = REQUIRED,
        *extra: Any,
        weight: Any = None,
        where: Any = None,
        reduction: str = "none",
        normalizer: float | None = None,
        weights_out: Any = None,
        stream: Any = None,
        **params: Any,
    ) -> Any:
        """Return the weights of iteratively reweighted least squares: the gradient over ``pred - target``.

        Repeating a weighted least-squares fit with updated weights lowers the loss if the weights decrease
        as the error grows, as those of robust losses do. At an error of 0, a weight is its limit, which is
        inf for an L1-like loss: bound it with `numpy.minimum`. For a loss without an error, such as a
        logistic loss, the weights are the second derivative. A constant factor does not change a fit, so the
        default `reduction` is "none", the weight of each element by itself, and not "mean".

        Examples
        --------
        >>> from fastloss import huber
        >>> huber.irls_weights([0.0, 0.5, -4.0], [0.0, 0.0, 0.0], delta=1.0)
        array([1.  , 1.  , 0.25])
        """
        return evaluate(
            self._weights, "grad", pred, target, weight, where, reduction, normalizer,
            (None, weights_out, None), params, stream, extra,
        )  # fmt: skip


for _name in ("__call__", *list(CALLS)[1:], IRLS):
    getattr(Loss, _name).__signature__ = to_be_shown(getattr(Loss, _name))
