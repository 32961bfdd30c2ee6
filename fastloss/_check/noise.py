"""How rough results are: how far rounding errors alone make them differ from a smooth curve."""

from typing import Any

import numpy as np

from fastloss._check.evaluation import PRED, TARGET, Numbers, Rows, Subject

#: Steps, relative to the distance from 0 or the target: one of them shows an absolute rounding error.
_STEPS = tuple(2.0**-k for k in (13, 17, 24, 36))
_FOURTH = np.array([1.0, -4.0, 6.0, -4.0, 1.0])
_SPREAD = 8.0  # the size of fourth differences of rounding errors of size 1


def roughness(subject: Subject, rows: Rows, side: int) -> Numbers:
    """The noise of each result beside each point, from fourth differences above (1) or below (-1) it."""
    distance = scale(rows)
    found = np.zeros((3, len(rows)))
    for step in _STEPS:
        total: Any = 0.0
        for place, weight in enumerate(_FOURTH, 1):
            moved = rows.copy()
            moved[:, PRED] += side * place * step * distance
            total = total + weight * subject.results(moved)
        found = np.fmax(found, abs(total) / _SPREAD)
    return found


def scale(rows: Rows) -> Numbers:
    """The smaller of the nonzero distances of pred from 0 and from the target; 1 if both are 0."""
    sizes = np.abs([rows[:, PRED], rows[:, PRED] - rows[:, TARGET]])
    sizes = np.where(sizes > 0, sizes, np.inf).min(axis=0)
    return np.where(np.isfinite(sizes), sizes, 1.0)
