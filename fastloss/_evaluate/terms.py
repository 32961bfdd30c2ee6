"""The losses that one pass computes, each with its parameters and the name of its column."""

from functools import partial
from typing import Any, NamedTuple

from fastloss._loss import Loss
from fastloss._rules.options import nearest
from fastloss.losses import get


class Term(NamedTuple):
    """One of the losses."""

    label: str
    loss: Loss
    params: dict[str, Any]


def terms_of(given: Any) -> list[Term]:
    """The losses given: one or a list of them, each a `Loss`, a `partial` of one, or its name."""
    found = [_term(each) for each in (given if isinstance(given, list | tuple) else [given])]
    if not found:
        raise ValueError("evaluate: loss must be a loss or a list of them, got none")
    labels = [term.label for term in found]
    twice = [label for label in labels if labels.count(label) > 1]
    if twice:
        raise ValueError(f"evaluate: loss {twice[0]} is given twice")
    return found


def _term(given: Any) -> Term:
    if isinstance(given, partial) and isinstance(given.func, Loss) and not given.args:
        loss, params = given.func, dict(given.keywords)
    elif isinstance(given, str):
        loss, params = _parsed(given)
    elif isinstance(given, Loss):
        loss, params = given, {}
    else:
        raise TypeError(
            "evaluate: loss must be a loss, its name such as 'huber:delta=5', or a partial of one, "
            f"got {given!r}"
        )
    for name in params:
        if name not in loss.domains:
            known = ", ".join(loss.domains) or "no parameters"
            raise TypeError(
                f"evaluate: {loss.name} has no {name}, it takes {known}{nearest(name, loss.domains)}"
            )
    shown = ",".join(f"{name}={value:g}" for name, value in params.items())
    return Term(f"{loss.name}:{shown}" if shown else loss.name, loss, params)


def _parsed(text: str) -> tuple[Loss, dict[str, Any]]:
    """A loss by its name, with parameters as in ``huber:delta=5``."""
    name, _, rest = text.partition(":")
    try:
        loss = get(name)
    except ValueError as error:
        raise ValueError(f"evaluate: loss: {str(error).removeprefix('get: ')}") from None
    params = {}
    for each in filter(None, rest.split(",")):
        key, _, value = each.partition("=")
        try:
            params[key.strip().replace("-", "_")] = float(value)
        except ValueError:
            raise ValueError(f"evaluate: loss {text!r}: expected parameters as in 'huber:delta=5'") from None
    return loss, params
