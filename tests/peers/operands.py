"""Predictions and targets for each domain: at every corner, on both sides of it, and random ones."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

ERRORS = [
    (2.5, 3.0), (0.3, 0.0), (4.1, 4.0), (0.75, 0.25), (-3.0, -4.0), (6.25, 7.25), (1.0, -1.0), (-3.5, -1.5),
    (-1.75, -1.75), (1.0000009536743164, 0.0), (0.25, 1.2499990463256836), (1.7, -0.6), (-12.8, 15.4),
    (1e-12, 0.0), (0.1, 0.100001), (1234.5, -765.25), (-54321.0, 3.7),
]  # fmt: skip
RESIDUALS = [0.0, 0.5, 0.5000152587890625, 0.4999847412109375, 1.0, 2.0, 5.0, 10.0, 0.0009765625, 300.0]


class Operands(NamedTuple):
    """Fixed pairs of prediction and target, and a function that draws more."""

    pairs: list[tuple[float, float]]
    draw: Callable[[np.random.Generator, int], tuple[np.ndarray, np.ndarray]]


def residuals(rng, size):
    target = rng.standard_normal(size)
    return target + 3 * rng.standard_normal(size), target


def counts(rng, size):
    return rng.gamma(2.0, 2.0, size) + 0.01, rng.poisson(2.0, size).astype(float)


def log_means(rng, size):
    return rng.standard_normal(size), rng.gamma(2.0, 1.0, size) + 0.01


def probabilities(rng, size):
    return rng.uniform(0.01, 0.99, size), rng.uniform(0.01, 0.99, size)


def labels(rng, size):
    return 3 * rng.standard_normal(size), rng.integers(0, 2, size).astype(float)


def shares(rng, size):
    return 3 * rng.standard_normal(size), rng.uniform(0.0, 1.0, size)


def signs(rng, size):
    return 2 * rng.standard_normal(size), 2 * rng.integers(0, 2, size) - 1.0


OPERANDS = {
    "errors": Operands(ERRORS, residuals),
    "residuals": Operands([(0.5 + sign * e, 0.5) for e in RESIDUALS for sign in (1, -1)][1:], residuals),
    "counts": Operands([(0.5, 0.0), (1.0, 1.0), (3.0, 3.0), (20.0, 2.0), (0.125, 4.0)], counts),
    "log_means": Operands([(0.0, 1.0), (0.0, 0.5), (5.0, 2.0), (-5.0, 2.0), (1.0, 20.0)], log_means),
    "probabilities": Operands(
        [(0.5, 0.5), (0.25, 0.0), (1.0, 0.5), (0.5, 1.0), (0.125, 0.875)], probabilities
    ),
    "labels": Operands([(x, t) for x in (0.0, 10.0, -10.0, 30.0, -30.0) for t in (0.0, 1.0)], labels),
    "shares": Operands([(x, t) for x in (0.0, 10.0, -10.0, 30.0, -30.0) for t in (0.0, 0.25, 1.0)], shares),
    "signs": Operands([(x, t) for x in (0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0) for t in (1.0, -1.0)], signs),
}


def operands(name: str, size: int, decimals: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Predictions and targets: the fixed pairs, then `size` drawn ones, rounded to `decimals` if given."""
    always, draw = OPERANDS[name]
    drawn = draw(np.random.default_rng(sorted(OPERANDS).index(name)), size)
    if decimals is not None:
        drawn = tuple(x.round(decimals) for x in drawn)
    return tuple(np.append(column, x) for column, x in zip(zip(*always, strict=True), drawn, strict=True))
