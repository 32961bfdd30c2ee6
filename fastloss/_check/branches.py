"""Points at which a result jumps, to neighbouring numbers, by bisection."""

from typing import Any, NamedTuple

import numpy as np

from fastloss._check.evaluation import GRAD, HESS, PRED, TARGET, Numbers, Rows, Subject, member, usual
from fastloss._check.noise import roughness, scale

_HALVINGS = 64
_ASIDE = (1e-9, 1e-6, 1e-3, 1e-2)  # of a branch, to look on either side of it
_STEP = 1e-6  # a jump, against the largest result nearby
_SLIGHT = 1e-9  # the same against its usual size
_ENOUGH = 1500


class Jumps(NamedTuple):
    """Pairs of neighbouring points, and a result on either side of each."""

    below: Rows
    above: Rows
    before: Numbers
    after: Numbers


def jumps(subject: Subject, rows: Rows, result: int) -> Jumps:
    """Where a result jumps between points that differ in pred alone."""
    follow = (rows[1:, TARGET:] == rows[:-1, TARGET:]).all(axis=1)
    below, above = rows[:-1][follow].copy(), rows[1:][follow].copy()
    before, after = subject.results(below)[result], subject.results(above)[result]
    for _ in range(_HALVINGS):
        middle = below.copy()
        middle[:, PRED] = below[:, PRED] / 2 + above[:, PRED] / 2
        between = subject.results(middle)[result]
        left = ~(abs(after - between) > abs(between - before))
        above[left], after[left] = middle[left], between[left]
        below[~left], before[~left] = middle[~left], between[~left]
    step, size = abs(after - before), np.maximum(abs(before), abs(after))
    real = np.isfinite(step) & (step > _STEP * np.maximum(_nearby(subject, below, result), size))
    real &= step > _SLIGHT * usual(rows, subject.results(rows)[result])[:-1][follow]
    noise = [roughness(subject, points, side)[result] for points, side in ((below, -1), (above, 1))]
    real &= step > 100 * np.maximum(*noise)
    return Jumps(*(found[real] for found in (below, above, before, after)))


def _nearby(subject: Subject, rows: Rows, result: int) -> Numbers:
    """The largest result in some distance, against which roundings count."""
    size = np.zeros(len(rows))
    for factor in (-1, 1):
        moved = rows.copy()
        moved[:, PRED] += factor * np.maximum(abs(rows[:, PRED]), 1) / 4
        found = subject.results(moved)[result]
        size = np.fmax(size, np.where(np.isfinite(found), abs(found), 0))
    return size


def around(subject: Subject, rows: Rows) -> Rows:
    """Points on both sides of the branches between given points, in every distance."""
    found = []
    for result in (GRAD, HESS):
        for side in jumps(subject, rows, result)[:2]:
            side = side[:: max(1, len(side) // _ENOUGH)]
            found.append(side)
            for distance in _ASIDE:
                for sign in (1, -1):
                    moved = side.copy()
                    moved[:, PRED] += sign * distance * np.maximum(abs(side[:, PRED]), 1)
                    found.append(moved)
    points: Any = np.concatenate(found)
    points = points[scale(points) >= min(_ASIDE)]
    allowed: Rows = points[member(points[:, PRED], subject.domains[PRED])]
    return allowed
