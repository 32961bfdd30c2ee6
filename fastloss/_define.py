"""The decorator that makes a loss of a function of one element."""

import inspect
from collections.abc import Callable
from dis import get_instructions
from typing import Any, overload

from fastloss._check import OPTIONS
from fastloss._domain import Domain
from fastloss._loss import Loss


@overload
def loss(formula: Callable[..., Any], /) -> Loss: ...
@overload
def loss(*aliases: str, **domains: Domain) -> Callable[[Callable[..., Any]], Loss]: ...
def loss(*args: Any, **domains: Domain) -> Any:
    """Make a `Loss` of a function that computes one element.

    The function takes ``(pred, target, *parameters)`` as scalars of one floating type and
    returns ``(value, gradient, second derivative)`` with respect to `pred`. Numba compiles
    it: use Python's own operators and `math`. Outputs that a call does not ask for cost nothing.

    Parameters
    ----------
    *aliases : str
        Other names of the loss; `fastloss.get` knows those of the losses that fastloss ships.
    **domains : Domain
        The domain of each parameter: `positive`, `nonnegative`, `real` or `between`.

    Notes
    -----
    A bare literal such as ``0.5`` makes the arithmetic around it float64, and the result is cast
    back. For float32 all through write ``T = type(pred)`` and ``T(0.5)``. A formula must not raise,
    as it runs in several threads: return NaN instead. Plain functions that it calls are compiled
    with it. A kernel is kept on disk only if all its code is known: not if it was typed at a prompt
    or calls a function that is compiled already (``@njit``).

    Examples
    --------
    >>> import fastloss
    >>> @fastloss.loss(tau=fastloss.between(0, 1, default=0.5))
    ... def pinball(pred, target, tau):
    ...     error = target - pred
    ...     if error > 0:
    ...         return tau * error, -tau, 0.0
    ...     return (tau - 1) * error, 1 - tau, 0.0
    >>> pinball.value_and_grad([0.0, 2.0], [1.0, 1.0], tau=0.75)
    (0.5, array([-0.375,  0.125]))
    """
    if len(args) == 1 and not domains and inspect.isfunction(args[0]):
        return _make(args[0], (), {})
    for alias in args:
        if not isinstance(alias, str):
            raise TypeError(f"loss: other names must be str, got {alias!r}")
    return lambda formula: _make(formula, args, domains)


def _make(formula: Callable[..., Any], aliases: tuple[str, ...], domains: dict[str, Domain]) -> Loss:
    if not inspect.isfunction(formula):
        raise TypeError(f"loss: expected a plain Python function, got {formula!r}")
    name = formula.__name__
    declared = list(inspect.signature(formula).parameters)[2:]
    if len(inspect.signature(formula).parameters) < 2 or sorted(declared) != sorted(domains):
        raise TypeError(
            f"loss {name}: the function must take (pred, target{''.join(', ' + d for d in domains)}), "
            f"as the decorator declares; it takes {inspect.signature(formula)}"
        )
    if formula.__defaults__ or formula.__kwdefaults__:
        raise TypeError(f"loss {name}: give defaults in the decorator, such as positive(default=1.0)")
    if any(step.opname in ("RAISE_VARARGS", "LOAD_ASSERTION_ERROR") for step in get_instructions(formula)):
        raise TypeError(f"loss {name}: a formula must not raise, as it runs in threads: return NaN instead")
    for parameter, domain in domains.items():
        if not isinstance(domain, Domain):
            raise TypeError(
                f"loss {name}: {parameter} needs a domain such as positive(default=1.0), got {domain!r}"
            )
        if parameter in (*OPTIONS, "self"):
            raise TypeError(f"loss {name}: {parameter} is taken by every call, choose another name")
    return Loss(formula, {name: domains[name] for name in declared}, aliases)
