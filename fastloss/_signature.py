"""What help() and editors show of a loss: the signatures of its calls, and what pred and target may be."""

from collections.abc import Callable, Mapping
from inspect import Parameter, Signature, signature
from typing import Any

from fastloss._definition.domain import Domain, Operands
from fastloss._rules.options import REQUIRED


def to_be_shown(method: Callable[..., Any]) -> Signature:
    """The signature of a call, without the arguments that serve only error messages."""
    kept = [
        each for each in signature(method).parameters.values() if each.kind is not Parameter.VAR_POSITIONAL
    ]
    return Signature(
        [each.replace(default=Parameter.empty) if each.default is REQUIRED else each for each in kept]
    )


def with_parameters(method: Callable[..., Any], domains: Mapping[str, Domain]) -> Signature:
    """The signature of a bound method, with the parameters of a loss."""
    common = list(signature(method).parameters.values())[1:-1]
    own = [
        Parameter(
            name,
            Parameter.KEYWORD_ONLY,
            default=Parameter.empty if domain.default is None else domain.default,
            annotation=float,
        )
        for name, domain in domains.items()
    ]
    return Signature(common + own)


def called(name: str, shown: Signature) -> str:
    """A paragraph for a docstring: how a loss is called."""
    bare = [each.replace(annotation=Parameter.empty) for each in shown.parameters.values()]
    return (
        f"Call ``{name}{Signature(bare)}`` for the value, or one of the other five calls for derivatives or "
        "weights. `fastloss.Loss` describes their keywords."
    )


def allowed(operands: Operands) -> str:
    """A paragraph for a docstring: the domains of pred and target. It is empty if any number is allowed."""
    domains = "; ".join(f"`{name}`: {domain}" for name, domain in operands.items())
    if not domains:
        return ""
    return f"{domains}. For an element outside its domain, the value and the derivatives are NaN.\n\n"
