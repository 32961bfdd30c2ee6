"""The decorator that makes a loss from a function of one element."""

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
    """Make a `Loss` from a function that computes one element.

    The function takes ``(pred, target, *parameters)`` as scalars of one floating type and
    returns ``(value, gradient, second derivative)`` with respect to `pred`. Numba compiles
    it: use Python's own operators and `math`. Outputs that a call does not ask for cost nothing.

    Parameters
    ----------
    *aliases : str
        Other names of the loss. `fastloss.get` accepts those of the losses that fastloss ships.
    pred, target : Domain or Labels, optional
        What predictions and targets may be, if not any number: a domain without a default, or `labels`.
        For an element outside its domain, the value and the derivatives are NaN. No error is raised, as
        that would take another pass. NaN is outside every domain.
    irls_weights : "hess" or function, optional
        What `Loss.irls_weights` returns, if not the gradient over ``pred - target``: the second derivative,
        for a loss without an error, or the result of a function that takes the arguments of the formula.
    **domains : Domain
        The domain of each parameter: `positive`, `nonnegative`, `real` or `between`.

    Notes
    -----
    A bare literal such as ``0.5`` makes the arithmetic around it float64, and the result is cast
    back. To stay in float32 throughout, write ``T = type(pred)`` and ``T(0.5)``.

    The code of a loss is captured when the loss is first used: the formula, the functions that it calls,
    and the globals, closures, defaults and constants of modules that all of these use. Every call, for any
    type and on any device, uses that state of the code until the loss is defined again. Only code that
    Numba holds itself, by ``@overload``, ``@vectorize``, ``@jitclass`` or ``@njit`` for given types, is
    used as it is.

    A formula must not raise, as it runs in several threads: return NaN instead. A ``raise`` or an
    ``assert``, also in a Python or ``@njit`` function that it calls, is a TypeError. Where compiled code
    would still raise, for example for an index outside a tuple or an array, the value and the derivatives
    of the element are NaN. (Numba does not check array indices on CUDA, nor in code that it holds itself.)

    A kernel is kept on disk if all its code is known. It is not kept if the code was typed at a prompt, or
    calls code that Numba holds itself.

    Examples
    --------
    >>> import fastloss
    >>> @fastloss.loss(tau=fastloss.between(0, 1, default=0.5))
    ... def pinball(pred, target, tau):
    ...     T, error = type(pred), target - pred
    ...     if error > 0:
    ...         return tau * error, -tau, T(0)
    ...     return (tau - T(1)) * error, T(1) - tau + T(0) * error, T(0)  # NaN stays NaN
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
