"""The rules on options, numbers and parameters, and their error messages.

Those on arrays are in `_operands`. All is checked before anything is written.
"""

import inspect
import os
import warnings
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from math import inf, isfinite
from numbers import Real
from reprlib import repr as shortened
from typing import Any, NamedTuple, NoReturn

import numpy as np

from fastloss import _operands
from fastloss._definition import OPTIONS, Definition
from fastloss._domain import Domain


class Wanted(NamedTuple):
    """Which of the three outputs a call asks for."""

    value: bool = False
    grad: bool = False
    hess: bool = False


#: The calls of a loss and what each of them returns.
CALLS = {
    "value": Wanted(value=True),
    "grad": Wanted(grad=True),
    "value_and_grad": Wanted(value=True, grad=True),
    "grad_and_hess": Wanted(grad=True, hess=True),
    "value_grad_hess": Wanted(value=True, grad=True, hess=True),
}
REDUCTIONS = ("mean", "sum", "none")
OUTPUTS = _operands.OUTPUTS

Array = np.ndarray[Any, Any]
#: What stands for an argument without a default, so that its absence has a message of ours.
REQUIRED: Any = type("Required", (), {"__repr__": lambda self: "<required>"})()
#: Other libraries' words for what fastloss has.
_PRED = dict.fromkeys(("input", "inputs", "y_pred", "y_hat", "preds", "prediction", "predictions"), "pred")
_TARGET = dict.fromkeys(("y_true", "y", "true", "label", "labels", "targets"), "target")
HINTS = {name: f"; did you mean {meant!r}?" for name, meant in (_PRED | _TARGET).items()} | {
    "axis": "; there is none: take reduction='none' and NumPy's own sums",
    "mask": "; did you mean 'where'?",
    "out": "; did you mean 'loss_out' or 'grad_out'?",
    "sample_weight": "; did you mean 'weight'?",
}

_PACKAGE = os.path.dirname(__file__) + os.sep

FLOAT32, FLOAT64 = _operands.FLOAT32, _operands.FLOAT64
_NORMAL = {dtype: (float(np.finfo(dtype).tiny), float(np.finfo(dtype).max)) for dtype in (FLOAT32, FLOAT64)}


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of an error message: the name that was probably meant, if there is one."""
    near = get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def call(who: str, value: Any) -> Wanted:
    """What a call of that name returns."""
    if value not in CALLS:
        raise ValueError(f"{who}: calls are {', '.join(CALLS)}, got {value!r}{nearest(str(value), CALLS)}")
    return CALLS[value]


def reduction(who: str, value: Any) -> None:
    if not isinstance(value, str) or value not in REDUCTIONS:
        hint = nearest(value, REDUCTIONS) if isinstance(value, str) else ""
        raise ValueError(f"{who}: reduction must be 'mean', 'sum' or 'none', got {value!r}{hint}")


def normalizer(who: str, value: Any, reduction: str) -> float | None:
    """The denominator that the caller gave, as a float."""
    if value is None:
        return None
    if reduction != "mean":
        raise ValueError(f"{who}: normalizer goes with reduction='mean' only, got reduction={reduction!r}")
    number = _number(who, "normalizer", value)
    if not (number > 0 and isfinite(number)):
        raise ValueError(f"{who}: normalizer must be a finite number > 0, got {value!r}")
    return number


def warn(message: str) -> None:
    """Warn of a result, at the line outside of this package that called it, however deep inside this is."""
    level, frame = 1, inspect.currentframe()
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        level, frame = level + 1, frame.f_back  # as `skip_file_prefixes`, from Python 3.12 on
    warnings.warn(message, RuntimeWarning, stacklevel=level)


def factor(who: str, what: str, denominator: float, dtype: np.dtype[Any]) -> None:
    """Refuse what a mean is divided by if derivatives can't be multiplied by its reciprocal."""
    if denominator and not in_range(denominator, dtype):
        raise ValueError(
            f"{who}: derivatives are multiplied by 1 / {what}, which must be a normal number in {dtype}, "
            f"the type of this computation, got {what} = {denominator!r}"
        )


def in_range(denominator: float, dtype: np.dtype[Any]) -> bool:
    """Whether the reciprocal is a normal number, of full precision, in a type."""
    least, most = _NORMAL[dtype]
    return least <= 1 / denominator <= most


def parameters(
    loss: Definition, given: dict[str, Any], shape: tuple[int, ...], compute_type: np.dtype[Any]
) -> dict[str, float | Array]:
    """The loss's own parameters in the order in which its formula takes them.

    Numbers are checked; of arrays only what can be told without reading them.
    """
    for name in given:
        if name not in loss.domains:
            _unknown_keyword(loss, name)
    found: dict[str, float | Array] = {}
    for name, domain in loss.domains.items():
        value = given.get(name, domain.default)
        if name not in given and value is None:
            raise TypeError(f"{loss.name}: {name} has no default, pass {name}={domain}")
        if _has_axes(value):
            found[name] = _operands.broadcast(loss.name, name, value, shape)
        else:
            found[name] = _parameter(loss.name, name, domain, value, compute_type)
    return found


def _has_axes(value: Any) -> bool:
    """Whether a value is an array, a list or the like, and not one number."""
    if isinstance(value, Real | str | bytes):
        return False
    return isinstance(value, Sequence) or (hasattr(value, "__array__") and np.ndim(value) > 0)


def _parameter(who: str, name: str, domain: Domain, value: Any, compute_type: np.dtype[Any]) -> float:
    return _in_domain(who, name, domain, _number(who, name, value), shortened(value), compute_type)


def values(
    who: str,
    name: str,
    domain: Domain,
    held: Array,
    dtype: np.dtype[Any],
    kept: tuple[Array, Array] | None = None,
) -> None:
    """Check every number that an array holds.

    With `kept`, weights as they are broadcast and a mask, only those that the mask keeps.
    """
    if held.size == 0:
        return
    extremes = held.min(), held.max()  # NaN if one is
    if kept is not None and not all(float(x) in domain and _cast(x, dtype) in domain for x in extremes):
        full, where = kept
        extremes = full.min(where=where, initial=0), full.max(where=where, initial=0)
    for extreme in extremes:
        _in_domain(who, name, domain, float(extreme), repr(float(extreme)), dtype)


def _in_domain(who: str, name: str, domain: Domain, number: float, shown: str, dtype: np.dtype[Any]) -> float:
    """The number in the type to compute in, if it is in the domain before and after."""
    if number not in domain:
        raise ValueError(f"{who}: {name} must be {domain}, got {shown}")
    cast = _cast(number, dtype)
    if cast not in domain:
        raise ValueError(
            f"{who}: {name}={shown} is {cast} in {dtype}, the type of this computation, "
            f"and must be {domain} there"
        )
    return cast


def _cast(number: float, dtype: np.dtype[Any]) -> float:
    with np.errstate(over="ignore", under="ignore"):
        return float(dtype.type(number))


def _number(who: str, name: str, value: Any) -> float:
    number: Any = value
    if isinstance(value, Real):
        try:
            return float(value)
        except OverflowError:  # an int of more than 308 digits
            return inf if number > 0 else -inf
    scalar = np.asarray(value) if hasattr(value, "__array__") else None
    if scalar is None or scalar.ndim or scalar.dtype.kind not in "fiub" or np.ma.is_masked(value):
        raise TypeError(f"{who}: {name} must be a number, got {type(value).__name__} {shortened(value)}")
    return float(scalar)


def positional(loss: Definition, given: tuple[Any, ...], params: dict[str, Any]) -> None:
    """Refuse calls without pred and target, or with more than those before the keywords."""
    pred, target, *extra = given
    if pred is REQUIRED or target is REQUIRED:
        meant = {name: known for name, known in (_PRED | _TARGET).items() if name in params}
        hint = f", with {' and '.join(f'{name!r} as {known}' for name, known in meant.items())}" * bool(meant)
        raise TypeError(f"{loss.name}: pred or target is missing, write {loss.name}(pred, target){hint}")
    if extra:
        shown, name = " ".join(shortened(extra[0]).split()), "weight"
        if isinstance(extra[0], str):
            name = "reduction"
        elif not _has_axes(extra[0]):
            name = next(iter(loss.domains), name)
        raise TypeError(
            f"{loss.name}: only pred and target are positional, got {shown} as a third argument; "
            f"did you mean {name}={shown}?"
        )


def _unknown_keyword(loss: Definition, name: str) -> NoReturn:
    if name in OUTPUTS:
        raise TypeError(f"{loss.name}: this call does not compute what {name} would hold")
    hint = HINTS.get(name) or nearest(name, (*loss.domains, *OPTIONS))
    raise TypeError(f"{loss.name}: unknown keyword {name!r}{hint}")
