"""The rules for options and for the names of arguments."""

import inspect
import os
import warnings
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, NamedTuple, NoReturn

from fastloss._definition.definition import OPTIONS, Definition
from fastloss._rules.arrays import has_axes
from fastloss._rules.formatting import shown


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
#: The call whose result is the gradient of another definition; see `fastloss._formula.irls`.
IRLS = "irls_weights"
REDUCTIONS = ("mean", "sum", "none")

#: The default of a required argument, so that a missing one gets a message of our own.
REQUIRED: Any = type("Required", (), {"__repr__": lambda self: "<required>"})()
#: The names that other libraries have for arguments of fastloss.
_PRED = dict.fromkeys(("input", "inputs", "y_pred", "y_hat", "preds", "prediction", "predictions"), "pred")
_TARGET = dict.fromkeys(("y_true", "y", "true", "label", "labels", "targets"), "target")
HINTS = {name: f"; did you mean {meant!r}?" for name, meant in (_PRED | _TARGET).items()} | {
    "axis": "; there is no axis: use reduction='none' and sum with NumPy",
    "mask": "; did you mean 'where'?",
    "out": "; did you mean 'loss_out' or 'grad_out'?",
    "sample_weight": "; did you mean 'weight'?",
}

_PACKAGE = os.path.dirname(os.path.dirname(__file__)) + os.sep


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of an error message: the name that was probably meant, if there is one."""
    near = get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def call(who: str, value: Any) -> Wanted:
    """What a call of that name returns."""
    if value not in CALLS:
        known = *CALLS, IRLS
        hint = nearest(str(value), known)
        raise ValueError(f"{who}: calls must be among {', '.join(known)}, got {value!r}{hint}")
    return CALLS[value]


def call_of(wanted: Wanted) -> str:
    """The name of the call that returns exactly these outputs."""
    (name,) = (name for name, returned in CALLS.items() if returned == wanted)
    return name


def reduction(who: str, value: Any) -> None:
    if not isinstance(value, str) or value not in REDUCTIONS:
        hint = nearest(value, REDUCTIONS) if isinstance(value, str) else ""
        raise ValueError(f"{who}: reduction must be 'mean', 'sum' or 'none', got {shown(value)}{hint}")


def warn(message: str) -> None:
    """Warn of a result, with the line outside this package from which it was called."""
    level, frame = 1, inspect.currentframe()
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        level, frame = level + 1, frame.f_back  # what `skip_file_prefixes` does from Python 3.12 on
    warnings.warn(message, RuntimeWarning, stacklevel=level)


def positional(loss: Definition, given: tuple[Any, ...], params: dict[str, Any]) -> None:
    """Refuse calls without pred or target, or with more positional arguments than these."""
    pred, target, *extra = given
    if pred is REQUIRED or target is REQUIRED:
        meant = {name: known for name, known in (_PRED | _TARGET).items() if name in params}
        hint = f", with {' and '.join(f'{name!r} as {known}' for name, known in meant.items())}" * bool(meant)
        if pred is not REQUIRED and not params:  # as SciPy calls its own losses
            hint = f"; for SciPy's least_squares, pass fastloss.adapters.scipy.rho({loss.name!r})"
        raise TypeError(f"{loss.name}: pred or target is missing: write {loss.name}(pred, target){hint}")
    if extra:
        given_third, name = shown(extra[0]), "weight"
        if isinstance(extra[0], str):
            name = "reduction"
        elif not has_axes(extra[0]):
            name = next(iter(loss.domains), name)
        raise TypeError(
            f"{loss.name}: only pred and target are positional, got {given_third} as a third argument; "
            f"did you mean {name}={given_third}?"
        )


def unknown_keyword(loss: Definition, name: str) -> NoReturn:
    if name in OPTIONS:  # an output, as every call has all other options
        raise TypeError(f"{loss.name}: this call does not compute what {name} would hold")
    hint = HINTS.get(name) or nearest(name, (*loss.domains, *OPTIONS))
    raise TypeError(f"{loss.name}: unknown keyword {name!r}{hint}")
