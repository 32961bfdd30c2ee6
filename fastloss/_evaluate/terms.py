"""The losses that one pass computes, each with its parameters and the name of its column."""

from functools import partial
from typing import Any, NamedTuple

from fastloss._loss import Loss
from fastloss._rules import numbers
from fastloss._rules.arrays import FLOAT64, has_axes
from fastloss._rules.formatting import shown
from fastloss._rules.options import nearest
from fastloss.losses import get


class Term(NamedTuple):
    """One of the losses, with the parameters given for it."""

    loss: Loss
    params: dict[str, Any]

    @property
    def label(self) -> str:
        """The name of its column, with all digits of its parameters."""
        written = [f"{name}={repr(float(x)).removesuffix('.0')}" for name, x in self.params.items()]
        return f"{self.loss.name}:{','.join(written)}" if written else self.loss.name


def terms_of(given: Any) -> list[Term]:
    """The losses given: one or a list, each of which is a `Loss`, a `partial` of one, or a name."""
    return checked([term_of(each) for each in (given if isinstance(given, list | tuple) else [given])])


def checked(terms: list[Term]) -> list[Term]:
    """The same terms with parameters as floats, if all of them are allowed and no term occurs twice."""
    if not terms:
        raise ValueError("evaluate: loss must be a loss or a list of them, got an empty list")
    found = [Term(term.loss, _numbers(term)) for term in terms]
    labels = [term.label for term in found]
    twice = [label for label in labels if labels.count(label) > 1]
    if twice:
        raise ValueError(f"evaluate: loss {twice[0]} is given twice")
    return found


def term_of(given: Any) -> Term:
    """The term for one loss as it was given, with parameters that are not checked yet."""
    if isinstance(given, partial) and isinstance(given.func, Loss) and not given.args:
        return Term(given.func, dict(given.keywords))
    if isinstance(given, str):
        return _parsed(given)
    if isinstance(given, Loss):
        return Term(given, {})
    raise TypeError(
        f"evaluate: loss must be a loss, its name such as 'huber:delta=5', or a partial of one, got {given!r}"
    )


def _numbers(term: Term) -> dict[str, float]:
    loss, params = term
    for name, value in params.items():
        if name not in loss.domains:
            known = ", ".join(loss.domains) or "no parameters"
            raise TypeError(
                f"evaluate: {loss.name} has no {name}: it takes {known}{nearest(name, loss.domains)}"
            )
        if has_axes(value):
            raise TypeError(f"evaluate: {loss.name}: {name} must be a number, got {shown(value)}")
    found = numbers.parameters(loss, params, (), FLOAT64)
    return {name: float(found[name]) for name in params}


def _parsed(text: str) -> Term:
    """A loss by its name, with parameters as in ``huber:delta=5``."""
    name, _, rest = text.partition(":")
    try:
        loss = get(name)
    except ValueError as error:
        raise ValueError(f"evaluate: loss: {str(error).removeprefix('get: ')}") from None
    params = {}
    for each in filter(None, rest.split(",")):
        key, _, value = each.partition("=")
        key = key.strip().replace("-", "_")
        if key in params:
            raise ValueError(f"evaluate: loss {text!r}: {key} is given twice")
        try:
            params[key] = float(value)
        except ValueError:
            raise ValueError(f"evaluate: loss {text!r}: expected parameters as in 'huber:delta=5'") from None
    return Term(loss, params)
