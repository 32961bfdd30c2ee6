"""The points at which a loss is checked: random and difficult points of its domains."""

from collections.abc import Iterator
from math import inf, isfinite
from typing import Any

import numpy as np

from fastloss._check.evaluation import PRED, Numbers, Rows, Subject, member
from fastloss._definition.domain import Domain, Labels
from fastloss._definition.drawing import drawn

#: Distances from 0 and from the target.
_SIZES = (
    *(0.0, 1e-8, 1e-6, 1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9),
    *(1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 10.0, 20.0, 30.0, 50.0, 75.0, 90.0, 100.0, 300.0, 1e3, 1e4, 1e6),
)
#: Factors of a number at which a branch may be: points on both sides of it, near and far.
_FACTORS = (0.5, 0.9, 0.999, 1 - 1e-6, 1.0, 1 + 1e-6, 1.001, 1.1, 2.0)
_FROM_A_BOUND = (0.0, 0.01, 0.1, 0.5, 1.0, 2.5, 10.0, 100.0)
_WITHIN_BOUNDS = (0.0, 0.001, 0.1, 0.25, 0.5, 0.9, 0.999, 1.0)
_ANYWHERE = (0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, -10.0)
_RANDOM_CHOICES, _RANDOM_OPERANDS = 6, 12


def points(subject: Subject, rng: np.random.Generator) -> Rows:
    """The points to check, those with default parameters first."""
    pairs = [drawn(subject.loss, rng, _RANDOM_OPERANDS, float, spread) for spread in (1.0, 10.0)]
    preds = np.concatenate([pred for pred, _ in pairs])
    targets = [*_targets(subject.domains[1]), *(x for _, several in pairs for x in several[:1])]
    found = []
    for params in _choices(subject, rng):
        for target in targets:
            column = np.concatenate([_preds(target, params), preds])
            column = np.unique(column[np.isfinite(column) & member(column, subject.domains[PRED])])
            rows = np.empty((column.size, 2 + len(params)))
            rows[:, 0], rows[:, 1], rows[:, 2:] = column, target, params
            found.append(rows)
    return np.concatenate(found)


def _preds(target: float, params: list[float]) -> Numbers:
    """Predictions at difficult distances on both sides of 0 and of the target, and where a margin is 1."""
    finite = [x for x in params if isfinite(x)]
    branches = np.outer([*finite, *(1 / x for x in finite if x)], _FACTORS)
    sizes = np.concatenate([_SIZES, branches.ravel()])
    sizes = np.concatenate([sizes, -sizes])
    margins = np.array(_FACTORS) / target if target else np.empty(0)
    return np.concatenate([sizes, target + sizes, margins])


def _targets(domain: Domain | Labels | None) -> list[float]:
    if isinstance(domain, Labels):
        return list(domain.values)
    numbers = [0.0, 1.0, -2.5, 100.0] if domain is None else _numbers(domain)
    return [x for x in numbers if isfinite(x)]


def _choices(subject: Subject, rng: np.random.Generator) -> Iterator[list[float]]:
    """Parameters to check: the defaults, each parameter varied by itself, and random ones."""
    domains: list[Any] = list(subject.domains[2:])
    usual = [_usual(domain) for domain in domains]
    yield usual
    for place, domain in enumerate(domains):
        for value in _numbers(domain):
            if value != usual[place]:
                yield [*usual[:place], value, *usual[place + 1 :]]
    if len(domains) > 1:
        for _ in range(_RANDOM_CHOICES):
            yield [float(rng.choice(_numbers(domain))) for domain in domains]


def _usual(domain: Domain) -> float:
    if domain.default is not None:
        return domain.default
    return next(x for x in (1.0, *_numbers(domain)[1:]) if x in domain)


def _numbers(domain: Domain) -> list[float]:
    """Numbers of an interval, including some near its ends, and the ends if they belong to it."""
    if domain.low > -inf and domain.high < inf:
        numbers = [domain.low + share * (domain.high - domain.low) for share in _WITHIN_BOUNDS]
    elif domain.low > -inf:
        numbers = [domain.low + distance for distance in _FROM_A_BOUND]
    elif domain.high < inf:
        numbers = [domain.high - distance for distance in _FROM_A_BOUND]
    else:
        numbers = list(_ANYWHERE)
    return [x for x in dict.fromkeys((*numbers, domain.low, domain.high)) if x in domain]
