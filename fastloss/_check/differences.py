"""One-sided derivatives by finite differences, with estimates of their errors.

L. F. Richardson, "The deferred approach to the limit", Phil. Trans. R. Soc. A 226 (1927), 299-361; the best
steps are chosen as by C. Ridders, "Accurate computation of F'(x) and F'(x) F''(x)", Advances in
Engineering Software 4 (1982), 75-76.
"""

from typing import Any, NamedTuple

import numpy as np

from fastloss._check.evaluation import Numbers, Rows, Subject, member
from fastloss._check.noise import roughness

_STEPS = 34
_ORDERS = 3  # terms of the error that are extrapolated away
_FAR_LESS = 100
_KNOWN = 0.01  # the largest error of a known derivative, relative to it or the mean slope nearby
_NOISE = 16 * np.finfo(float).eps  # of a result, relative to the largest result nearby
#: Weights of the results at one, two and three steps from a point: never at the point itself, which
#: may be a corner that belongs to neither side.
_STENCILS: dict[int, tuple[float, ...]] = {1: (-1.0, 1.0), 2: (1.0, -2.0, 1.0)}


class Slopes(NamedTuple):
    """Derivatives from one side."""

    found: Numbers
    error: Numbers  # how far from the true ones they may be
    most: Numbers  # the largest that the smallest step can resolve
    exists: Numbers  # whether the domain has such a side


def slopes(subject: Subject, rows: Rows, result: int, column: int, side: int, order: int = 1) -> Slopes:
    """The derivatives of a result with respect to a column, from the side above (1) or below (-1)."""
    at = rows[:, column]
    reach = np.maximum(np.maximum(abs(at), abs(rows[:, 0] - rows[:, 1])), 1) / 4
    steps = reach * 0.5 ** np.arange(_STEPS)[:, None]
    steps = abs((at + side * steps) - at)  # as rounded by the addition
    weights = _STENCILS[order]
    places = at + side * steps * np.arange(1, len(weights) + 1)[:, None, None]
    results = _results_at(subject, rows, result, column, places)
    quotients = np.tensordot(weights, results, 1) / (side * steps) ** order
    nearby = np.where(steps <= np.minimum(reach, 2), abs(results).max(axis=0), 0)
    nearby = np.where(np.isfinite(nearby), nearby, 0).max(axis=0)
    found, error = _extrapolated(quotients)
    error += _NOISE * nearby / steps[_ORDERS + 1 :] ** order
    best, error, place = _surest(found, np.where(np.isfinite(error), error, np.inf))
    widths = steps[_ORDERS + 1 :][place, np.arange(len(rows))]
    error += 8 * roughness(subject, rows, side)[result] / widths**order
    known = error <= _KNOWN * np.maximum(abs(best), nearby / reach**order)
    exists = member(places, subject.domains[column]).all(axis=0).any(axis=0)
    return Slopes(best, np.where(known, error, np.inf), nearby / steps[-1] ** order, exists)


def _results_at(subject: Subject, rows: Rows, result: int, column: int, places: Numbers) -> Numbers:
    moved: Any = np.broadcast_to(rows, (*places.shape, rows.shape[1])).copy()
    moved[..., column] = places
    moved = moved.reshape(-1, rows.shape[1])
    found: Numbers = subject.results(moved)[result].reshape(places.shape)
    return found


def _extrapolated(quotients: Numbers) -> tuple[Numbers, Numbers]:
    """Limits extrapolated from a few successive steps, and by how much the last extrapolations differ."""
    table = quotients
    for order in range(1, _ORDERS + 1):
        before = table
        table = (2**order * before[1:] - before[:-1]) / (2**order - 1)
    found = table[1:]
    return found, np.maximum(abs(found - table[:-1]), abs(found - before[2:]))


def _surest(found: Numbers, errors: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """The estimate with the smallest error, among those with ever larger steps.

    The search stops at an estimate that contradicts those before or is far less certain: the steps that
    follow may lie beyond a branch altogether, and have small errors there.
    """
    best, error, place = found[-1], errors[-1], np.full(found.shape[1], len(found) - 1)
    open_to_more = np.full(best.shape, True)
    for row in range(len(found) - 2, -1, -1):
        more, its_error = found[row], errors[row]
        open_to_more &= ~(abs(more - best) > 2 * (error + its_error)) & ~(its_error > _FAR_LESS * error)
        better = open_to_more & (its_error < error)
        best, error = np.where(better, more, best), np.where(better, its_error, error)
        place = np.where(better, row, place)
    return best, error, place
