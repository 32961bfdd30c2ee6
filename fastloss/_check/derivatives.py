"""Gradients and second derivatives compared with differences, and the likely causes where they differ."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from fastloss._check.differences import Slopes, slopes
from fastloss._check.evaluation import (
    GRAD,
    HESS,
    PRED,
    RESULTS,
    TARGET,
    VALUE,
    Numbers,
    Rows,
    Subject,
    plainest,
    shown,
    usual,
)
from fastloss._check.noise import scale

_TOLERANCE = 1e-5  # relative; a wrong formula is off by more, and the differences by far less
_TINY = 1e-150  # below which products underflow
_SAME = 1e-3  # relative distance at which two numbers count as the same
_MOSTLY = 0.9  # the share of points that must agree to name a cause
_FACTOR_FROM = 0.5  # the least share of wrong ones among nonzero results for a factor to be the cause
_SLIGHT = 1e-7  # relative to the usual size of a result: what cancellation may change
_NEAR = 0.1  # of the gap between two branches: within it, a result is that of the other branch
_AT_ONCE = 4096
_HALVINGS = 60


class Compared(NamedTuple):
    """A result, the derivatives from below and from above that it should be, and where it is wrong."""

    rows: Rows
    given: Numbers
    below: Numbers
    above: Numbers
    wrong: Numbers
    slight: Numbers  # wrong, but by no more than cancellation in the other result may cause

    @property
    def expected(self) -> Numbers:
        return np.where(abs(self.given - self.below) < abs(self.given - self.above), self.below, self.above)


def compared(subject: Subject, rows: Rows, result: int, of: int, order: int = 1) -> Compared:
    """A result and the derivatives of another one with respect to pred, compared."""
    parts = [
        _part(subject, rows[start : start + _AT_ONCE], result, of, order)
        for start in range(0, len(rows), _AT_ONCE)
    ]
    found = Compared(*map(np.concatenate, zip(*parts, strict=True)))
    slight = _off(found) * scale(rows) ** order < _SLIGHT * usual(rows, subject.results(rows)[of])
    return found._replace(wrong=found.wrong & ~slight, slight=found.wrong & slight)


def _off(found: Compared) -> Numbers:
    return abs(found.given - found.expected)


def _part(subject: Subject, rows: Rows, result: int, of: int, order: int) -> Compared:
    given = subject.results(rows)[result]
    sides = [slopes(subject, rows, of, PRED, side, order) for side in (-1, 1)]
    below, above = (_or_other(sides[k], sides[1 - k]) for k in (0, 1))
    size = np.maximum(abs(given), np.maximum(abs(below.found), abs(above.found)))
    allowed = _TOLERANCE * size + 4 * (below.error + above.error) + _TINY
    least, most = np.minimum(below.found, above.found), np.maximum(below.found, above.found)
    wrong = (given < least - allowed) | (given > most + allowed)
    wrong &= abs(given) <= np.maximum(below.most, above.most)
    return Compared(rows, given, below.found, above.found, wrong, np.zeros_like(wrong))


def _or_other(side: Slopes, other: Slopes) -> Slopes:
    """The derivatives from a side, or from the other one where the domain of pred ends."""
    return Slopes(*(np.where(side.exists, one, another) for one, another in zip(side, other, strict=True)))


def findings(subject: Subject, rows: Rows, imprecise: set[int]) -> Iterator[str]:
    """Faults of the gradient and the second derivative; results that are `imprecise` are reported already."""
    grad = compared(subject, rows, GRAD, VALUE)
    hess = compared(subject, rows, HESS, GRAD)
    for found, result, of in ((grad, GRAD, VALUE), (hess, HESS, GRAD)):
        if found.slight.any() and not found.wrong.any() and of not in imprecise:
            yield _imprecise(subject, found, result, of)
    if not grad.wrong.any():
        if hess.wrong.any():
            yield _said(subject, hess, HESS, GRAD)
        return
    # With a wrong gradient, the second derivative may be right without being the gradient's derivative, and
    # the other way round.
    of_value = compared(subject, rows, HESS, VALUE, order=2)
    hint = ""
    if of_value.wrong.any() and not hess.wrong.any():
        hint = "; hess is the derivative of grad, so that value may be what is wrong"
    yield _said(subject, grad, GRAD, VALUE) + hint
    both = hess.wrong & of_value.wrong
    if both.any():
        yield _said(subject, of_value._replace(wrong=both), HESS, VALUE)


def _said(subject: Subject, found: Compared, result: int, of: int) -> str:
    size = np.maximum(abs(found.given), abs(found.expected))
    relative = np.where(found.wrong, _off(found) / size, 0)
    worst = plainest(found.rows, relative >= 0.5 * relative.max())
    derivative = "second derivative" if result == HESS and of == VALUE else "derivative"
    return (
        f"{RESULTS[result]} {_cause(subject, found, worst, result, of)}: {shown(found.given[worst])} at "
        f"{subject.described(found.rows[worst])}, where the {derivative} of {RESULTS[of]} is "
        f"{_sides(found, worst)} by differences; wrong at {found.wrong.sum()} of {len(found.rows)} points"
    )


def _sides(found: Compared, place: int) -> str:
    below, above = found.below[place], found.above[place]
    if abs(below - above) <= _SAME * max(abs(below), abs(above)):
        return f"{found.expected[place]:.6g}"
    return f"{below:.6g} from below and {above:.6g} from above"


def _imprecise(subject: Subject, found: Compared, result: int, of: int) -> str:
    place = plainest(found.rows, found.slight)
    return (
        f"{RESULTS[of]} loses digits by cancellation: near {subject.described(found.rows[place])} its "
        f"differences give {found.expected[place]:.6g}, where {RESULTS[result]} is "
        f"{shown(found.given[place])}"
    )


def _cause(subject: Subject, found: Compared, worst: int, result: int, of: int) -> str:
    """What a wrong result is instead of the derivative."""
    rows, given, expected = (x[found.wrong] for x in (found.rows, found.given, found.expected))
    ratio = given / expected
    if _mostly(_near(ratio, -1)):
        return "has the wrong sign"
    if result == GRAD and _is_by_target(subject, rows, given):
        return "is the derivative by target, not by pred"
    everywhere = found.wrong.sum() > _FACTOR_FROM * np.count_nonzero(found.given)
    factor = _factor(subject, rows, ratio) if everywhere else ""
    if factor:
        return f"is {factor} times what it should be"
    return _at_a_branch(subject, found, worst, result, of) or "is not the derivative"


def _factor(subject: Subject, rows: Rows, ratio: Numbers) -> str:
    """The factor that the ratios have in common: a number or a parameter; empty if there is none."""
    middle = np.median(ratio)
    if middle and _mostly(_near(ratio, middle)):
        return shown(np.round(middle, 4))
    for column in range(2, rows.shape[1]):
        for power in (1, -1, 2, -2):
            if np.ptp(rows[:, column]) and _mostly(_near(ratio, rows[:, column] ** power)):
                return f"{'1 / ' * (power < 0)}{subject.columns[column]}{'**2' * (abs(power) == 2)}"
    return ""


def _mostly(found: Any) -> bool:
    return bool(np.mean(found) > _MOSTLY)


def _near(numbers: Numbers, others: Any) -> Any:
    return abs(numbers - others) <= _SAME * abs(np.asarray(others))


def _is_by_target(subject: Subject, rows: Rows, given: Numbers) -> bool:
    rows, given = rows[:_AT_ONCE], given[:_AT_ONCE]
    sides = [slopes(subject, rows, VALUE, TARGET, side) for side in (-1, 1)]
    known = np.minimum(sides[0].error, sides[1].error) < _SAME * abs(given)
    found = np.where(sides[0].error < sides[1].error, sides[0].found, sides[1].found)
    return bool(known.any() and _mostly(_near(given, found)[known]))


def _at_a_branch(subject: Subject, found: Compared, place: int, result: int, of: int) -> str:
    """Name the branch whose derivative a wrong result is instead; empty if there is none."""
    row, order = found.rows[place], 2 if result == HESS and of == VALUE else 1
    same = (found.rows[:, TARGET:] == row[TARGET:]).all(axis=1)
    fine = found.rows[same & ~found.wrong]
    if not len(fine):
        return ""
    right = fine[abs(fine[:, PRED] - row[PRED]).argmin()]
    wrong = row
    for _ in range(_HALVINGS):
        middle = row.copy()
        middle[PRED] = right[PRED] / 2 + wrong[PRED] / 2
        if compared(subject, middle[None], result, of, order).wrong[0]:
            wrong = middle
        else:
            right = middle
    return _other_branch(subject, row, right, wrong, result, of, order)


def _other_branch(
    subject: Subject, row: Rows, right: Rows, wrong: Rows, result: int, of: int, order: int
) -> str:
    width = _SAME * max(abs(right[PRED]), _SAME)
    away = 1 if wrong[PRED] > right[PRED] else -1
    beside = np.array([right, right, wrong])
    beside[:, PRED] += away * width * np.array([-2, -1, 2])
    found = compared(subject, beside, result, of, order)
    first, second, there = found.expected
    continued = second + 3 * (second - first) + (second - first) / width * abs(wrong[PRED] - right[PRED])
    gap = abs(there - continued)
    if gap < _TOLERANCE * abs(there) or abs(found.given[-1] - continued) > _NEAR * gap:
        return ""
    branch = wrong[PRED] if abs(wrong[PRED]) > width else 0.0
    return f"is that of the other branch {'above' if away > 0 else 'below'} pred={branch:.3g}"
