"""What adapters need to find out about a loss and the parameters that are given for it."""

from collections.abc import Iterable
from math import inf
from numbers import Real
from typing import Any

from fastloss import Loss


def check_parameters(loss: Loss, names: Iterable[str]) -> None:
    """Refuse names that are not parameters of a loss, also those of other keywords of its calls."""
    for name in names:
        if name not in loss.domains:
            expected = ", ".join(loss.domains) or "none"
            raise TypeError(f"{loss.name}: unknown parameter {name!r}, expected {expected}")


def is_strength(x: Any) -> bool:
    """Whether something is the strength of a penalty: a finite number >= 0."""
    return isinstance(x, Real) and 0 <= float(x) < inf


def is_of_the_error(loss: Loss) -> bool:
    """Whether a loss depends on ``pred - target`` alone, tested with numbers whose differences are exact."""
    params = [1.0 if domain.default is None else domain.default for domain in loss.domains.values()]
    pairs = (0.5, 0.25), (0.25, 0.75), (4.0, 1.0)
    return all(loss.formula(p, t, *params) == loss.formula(p + 8, t + 8, *params) for p, t in pairs)
