"""The public object: a loss and its six calls."""

import inspect
from functools import update_wrapper
from typing import Any

from fastloss._definition.definition import Definition, Formula
from fastloss._definition.domain import ANYTHING, Domains, Operands
from fastloss._dispatch import evaluate
from fastloss._rules.options import CALLS, IRLS, REQUIRED
from fastloss._signature import allowed, called, to_be_shown, with_parameters
from fastloss._travel import has_a_name, packed, unpacked


class Loss(Definition):
    """A loss: call it for the value, or ask for its derivatives too.

    Every call reads `pred` and `target` once, whatever it returns, and takes the parameters below.

    Parameters
    ----------
    pred, target : array_like of real numbers
        Predictions and targets of any layout and type of at most 64 bits. Computed in float32
        if both are float16, bfloat16 (of ml_dtypes or PyTorch's) or float32, else in float64; a
        Python number beside floats takes theirs.
        `target` and all other arrays broadcast to `pred`'s shape. NaN in either gives NaN.
        Series, frames and arrays of pandas, Polars, Arrow, xarray and JAX are taken as they are, missing
        numbers as NaN; their labels must be the same. For `pred` of pandas, elementwise results have its
        kind and labels. If one operand is a Dask array, all results are, computed by blocks when asked for.
        CUDA arrays (experimental) are checked but for their values, and give CUDA arrays: the
        reduced value too, of no axes, which `loss_out` may take.
    weight : array_like, optional
        Weights, finite and >= 0: each multiplies its element's loss and derivatives.
    where : array_like of bool, optional
        Elements to keep, as in NumPy's reductions. One that is left out counts nowhere, and
        its derivatives are 0, whatever `pred`, `target` and `weight` are there. Parameters must
        be allowed there too.
    reduction : {"mean", "sum", "none"}, default "mean"
        What becomes of the elements' losses. A mean is divided by the sum of the weights of the
        elements kept, by their number without weights. A gradient is that of the reduced value.
    normalizer : float, optional
        With "mean": divide by this positive number instead. Beside CUDA arrays it may be one of no axes on
        their device, which is read there and not looked at.
    loss_out, grad_out, hess_out, weights_out : ndarray, optional
        Where to write an array result, which is then returned: of the result's shape and type
        and any strides. May be `pred` or `target` itself. A fresh one costs page faults (1.3 x the time of
        value and gradient at 2^26 float32 elements), so give one if you call repeatedly.
    stream : optional
        With CUDA arrays: the stream to launch on, of any library or as a number, instead of that
        on which the library of `pred` works now.
    **params : float or array_like
        The loss's own parameters, such as ``delta``; see the loss. Every value of an array must
        be one that the loss allows.

    Returns
    -------
    value : float, or ndarray with ``reduction="none"``
        Summed in float64, in an order that depends only on the number of elements, counted along
        `pred`'s axes as they lie in memory: the same bits for any number of threads, and on any
        processor if the formula only adds, multiplies and divides. (A GPU may fuse a product with a
        sum, in one rounding; the losses of this package leave it none that matters.)
    grad, hess : ndarray of pred's shape
        First and second derivative with respect to `pred`, of its type if that is a float, else
        float64, with its axes in the same order in memory. Scalar calls give scalars.

    Raises
    ------
    ValueError
        A shape or labels that do not fit, a weight or parameter out of its domain, an unknown reduction,
        an output of the wrong shape or overlapping another array. Nothing has been written.
    TypeError
        An unknown keyword or an unsupported type.
    ImportError
        A CUDA array without numba-cuda.

    Warns
    -----
    RuntimeWarning
        The mean of nothing, no element kept or a total weight of 0, which is NaN.

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
        # Found by its module and name where that works, as a function is; else its code travels.
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

        Fitting by weighted least squares and weighing anew lowers the loss where these weights fall
        with the error, as a robust loss's do. At an error of 0 a weight is its limit, which is inf
        for an L1-like loss: `numpy.minimum` bounds it. Of a loss without an error, such as a logistic
        one, the weights are the second derivative. A constant factor changes no fit, so `reduction` is
        "none" here, each element's own weight, and not the mean.

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
