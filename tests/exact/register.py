"""Register the references of this folder."""

from collections.abc import Callable
from typing import Any, NamedTuple

from mpmath import mp

mp.dps = 60


class Reference(NamedTuple):
    """A loss in exact numbers.

    `terms` takes pred, target and the parameters. It returns the value, the gradient and the second
    derivative, each as a number or as a tuple of terms to add. If `of_error` is true, the loss depends only
    on the difference of pred and target, which every implementation rounds first. `ulps` is how far results
    may be from the exact ones, in units in the last place of these, or of the largest term if terms cancel.
    Second derivatives may be twice as far off.
    """

    terms: Callable[..., Any]
    choices: list[dict[str, float]]
    of_error: bool
    ulps: float

    def exact(self, *numbers: Any) -> list[Any]:
        """The value, the gradient and the second derivative."""
        return [sum(terms) if isinstance(terms, tuple) else terms for terms in self.terms(*numbers)]

    def sizes(self, *numbers: Any) -> list[Any]:
        """The largest term of each of the three."""
        return [
            max(map(abs, terms)) if isinstance(terms, tuple) else abs(terms) for terms in self.terms(*numbers)
        ]


REFERENCES: dict[str, Reference] = {}
SIMPLE = 1.8  # units in the last place, for formulas of sums, products and quotients
Terms = Callable[..., Any]


def of_error(*choices: dict[str, float], ulps: float = SIMPLE) -> Callable[[Terms], Terms]:
    """Register a reference that takes the error, pred - target, and the parameters."""

    def register(terms):
        def of_both(pred, target, *params):
            return terms(pred - target, *params)

        REFERENCES[terms.__name__] = Reference(of_both, list(choices) or [{}], True, ulps)
        return terms

    return register


def of_pred_and_target(*choices: dict[str, float], ulps: float = SIMPLE) -> Callable[[Terms], Terms]:
    """Register a reference that takes pred, target and the parameters."""

    def register(terms):
        REFERENCES[terms.__name__] = Reference(terms, list(choices) or [{}], False, ulps)
        return terms

    return register


def times(factor, *terms):
    """Multiply each term of a sum by a factor."""
    return tuple(factor * term for term in terms)
