"""The decorator that makes a loss of a function of one element."""

import inspect
from collections.abc import Callable
from typing import Any, overload

from fastloss._definition.definition import refuse
from fastloss._definition.domain import Domain, Labels
from fastloss._loss import Loss


@overload
def loss(formula: Callable[..., Any], /) -> Loss: ...
@overload
def loss(
    *aliases: str,
    pred: Domain | Labels | None = None,
    target: Domain | Labels | None = None,
    irls_weights: Callable[..., Any] | str | None = None,
    **domains: Domain,
) -> Callable[[Callable[..., Any]], Loss]: ...
def loss(
    *args: Any, pred: Any = None, target: Any = None, irls_weights: Any = None, **domains: Domain
) -> Any:
    """Make a `Loss` of a function that computes one element.

    The function takes ``(pred, target, *parameters)`` as scalars of one floating type and
    returns ``(value, gradient, second derivative)`` with respect to `pred`. Numba compiles
    it: use Python's own operators and `math`. Outputs that a call does not ask for cost nothing.

    Parameters
    ----------
    *aliases : str
        Other names of the loss; `fastloss.get` knows those of the losses that fastloss ships.
    pred, target : Domain or Labels, optional
        What predictions and targets may be, if not any number: a domain without a default, or `labels`.
        Where one of them is outside, value and derivatives are NaN; nothing is refused, as that would
        take another pass. What is NaN is outside of every domain.
    irls_weights : "hess" or function, optional
        What `Loss.irls_weights` returns, if not the gradient over ``pred - target``: the second derivative,
        for a loss without an error, or what a function of the formula's arguments returns.
    **domains : Domain
        The domain of each parameter: `positive`, `nonnegative`, `real` or `between`.

    Notes
    -----
    A bare literal such as ``0.5`` makes the arithmetic around it float64, and the result is cast
    back. For float32 all through write ``T = type(pred)`` and ``T(0.5)``.

    The code of a loss is taken when the loss is first used: the formula, the functions that it calls,
    and the globals, closures, defaults and constants of modules that all of these use. Every call, type
    and device computes by that state of the code, until the loss is defined anew. Only what Numba holds
    itself, by ``@overload``, ``@vectorize``, ``@jitclass`` or ``@njit`` for given types, is taken as it is.

    A formula must not raise, as it runs in several threads: return NaN instead. A ``raise`` or an
    ``assert``, in a Python or ``@njit`` function that it calls too, is a TypeError. Where compiled code
    would raise all the same, as for an index that a tuple or an array does not have, the element's value
    and derivatives are NaN. (Numba checks no index of an array on CUDA, nor in what it holds itself.)

    A kernel is kept on disk if all its code is known: not if it was typed at a prompt, or calls what Numba
    holds itself.

    Examples
    --------
    >>> import fastloss
    >>> @fastloss.loss(tau=fastloss.between(0, 1, default=0.5))
    ... def pinball(pred, target, tau):
    ...     error = target - pred
    ...     if error > 0:
    ...         return tau * error, -tau, 0.0
    ...     return (tau - 1) * error, 1 - tau + 0 * error, 0.0  # NaN stays NaN
    >>> pinball.value_and_grad([0.0, 2.0], [1.0, 1.0], tau=0.75)
    (0.5, array([-0.375,  0.125]))
    """
    given = {"pred": pred, "target": target}
    operands = {name: domain for name, domain in given.items() if domain is not None}
    plain = not domains and not operands and irls_weights is None
    if len(args) == 1 and plain and inspect.isfunction(args[0]):
        return Loss(args[0], {})
    for alias in args:
        if callable(alias):
            refuse(alias)
        if not isinstance(alias, str):
            raise TypeError(f"loss: other names must be str, got {alias!r}")
    return lambda formula: Loss(formula, domains, args, operands, irls_weights)
