"""Points at which a result jumps, found by bisection down to neighbouring numbers."""

from typing import Any, NamedTuple

import numpy as np

from fastloss._check.evaluation import GRAD, HESS, PRED, TARGET, Numbers, Rows, Subject, member, usual
from fastloss._check.noise import roughness, scale

#: Numbers of halvings. After _FEW, those intervals are kept whose step has been halved less than _LESS times;
#: the step of a smooth curve is halved each time.
_FEW, _LESS, _MANY = 14, 10, 50
_OVER_NOISE = 100
_ASIDE = (1e-9, 1e-6, 1e-3, 1e-2)  # relative distances from a branch at which both sides are looked at
_STEP = 1e-6  # the smallest jump, relative to the largest result nearby
_SLIGHT = 1e-9  # the same, relative to the usual size of the result
_ENOUGH = 1500


class Jumps(NamedTuple):
    """Pairs of points, in the end neighbouring ones, with a result at both points of each."""

    below: Rows
    above: Rows
    before: Numbers
    after: Numbers

    @property
    def step(self) -> Numbers:
        return abs(self.after - self.before)

    def where(self, kept: Numbers) -> "Jumps":
        return Jumps(*(part[kept] for part in self))


def jumps(subject: Subject, rows: Rows, result: int) -> Jumps:
    """Where a result jumps between points that differ in pred alone."""
    results = subject.results(rows)[result]
    follow = (rows[1:, TARGET:] == rows[:-1, TARGET:]).all(axis=1)
    size = usual(rows, results)[:-1][follow]
    wide = Jumps(rows[:-1], rows[1:], results[:-1], results[1:]).where(follow)
    found = _halved(subject, wide, result, _FEW)
    steep = ~(found.step <= wide.step * 2.0**-_LESS)
    found, size = _halved(subject, found.where(steep), result, _MANY), size[steep]
    largest = np.maximum(
        _nearby(subject, found.below, result), np.maximum(abs(found.before), abs(found.after))
    )
    noise = [roughness(subject, found[k], side)[result] for k, side in ((0, -1), (1, 1))]
    least = np.max([_STEP * largest, _SLIGHT * size, *(_OVER_NOISE * each for each in noise)], axis=0)
    return found.where(np.isfinite(found.step) & (found.step > least))


def _halved(subject: Subject, wide: Jumps, result: int, times: int) -> Jumps:
    """Intervals halved repeatedly, each time keeping the half with the greater step of the result."""
    below, above, before, after = map(np.copy, wide)
    for _ in range(times):
        middle = below.copy()
        middle[:, PRED] = below[:, PRED] / 2 + above[:, PRED] / 2
        between = subject.results(middle)[result]
        left = ~(abs(after - between) > abs(between - before))
        above[left], after[left] = middle[left], between[left]
        below[~left], before[~left] = middle[~left], between[~left]
    return Jumps(below, above, before, after)


def _nearby(subject: Subject, rows: Rows, result: int) -> Numbers:
    """The largest result at some distance, with which rounding errors are compared."""
    size = np.zeros(len(rows))
    for factor in (-1, 1):
        moved = rows.copy()
        moved[:, PRED] += factor * np.maximum(abs(rows[:, PRED]), 1) / 4
        found = subject.results(moved)[result]
        size = np.fmax(size, np.where(np.isfinite(found), abs(found), 0))
    return size


def around(subject: Subject, rows: Rows) -> Rows:
    """Points on both sides of the branches between given points, at several distances."""
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
