"""What help() and editors show of a loss: the signatures of its calls, and what pred and target may be."""

from collections.abc import Callable, Mapping
from inspect import Parameter, Signature, signature
from typing import Any

from fastloss._definition.domain import Domain, Operands
from fastloss._rules.options import REQUIRED


def to_be_shown(method: Callable[..., Any]) -> Signature:
    """A call's signature without what is there for the sake of error messages only."""
    kept = [
        each for each in signature(method).parameters.values() if each.kind is not Parameter.VAR_POSITIONAL
    ]
    return Signature(
        [each.replace(default=Parameter.empty) if each.default is REQUIRED else each for each in kept]
    )


def with_parameters(method: Callable[..., Any], domains: Mapping[str, Domain]) -> Signature:
    """The signature of a method, called, with a loss's own parameters."""
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
        f"Called as ``{name}{Signature(bare)}`` for the value, and in five more ways for derivatives, with "
        "the keywords that `fastloss.Loss` describes."
    )


def allowed(operands: Operands) -> str:
    """A paragraph for a docstring; nothing if any number will do."""
    domains = "; ".join(f"`{name}`: {domain}" for name, domain in operands.items())
    return f"{domains}. Of an element outside, value and derivatives are NaN.\n\n" if domains else ""
