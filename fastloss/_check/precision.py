"""float32 against float64: overflow, cancellation, and NaN."""

from collections.abc import Iterator
from math import log10

import numpy as np

from fastloss._check.evaluation import RESULTS, Numbers, Rows, Subject, member, plainest, shown
from fastloss._definition.domain import Labels

_EPS = float(np.finfo(np.float32).eps)
_UNITS = 64  # by which a result may differ from the exact one, in units of the last place
_STIRRED = 4  # units by which operands are moved: the change of the result is not the formula's fault
_LEAST, _MOST = 1e-30, 1e36  # of results; beyond these, intermediate ones may underflow or overflow


def findings(subject: Subject, rows: Rows) -> Iterator[tuple[int, str]]:
    """Results that overflow in float32, or lose more digits there than rounding the operands explains."""
    single = rows.astype(np.float32)
    double = single.astype(float)
    kept = subject.allowed(single) & subject.allowed(double)
    single, double = single[kept], double[kept]
    found, exact = subject.results(single).astype(float), subject.results(double)
    unsure = _unsure(subject, double, exact)
    for result, name in enumerate(RESULTS):
        size = abs(exact[result])
        fair = np.isfinite(exact[result]) & (size < _MOST)
        infinite = fair & ~np.isfinite(found[result]) & (unsure[result] < size)
        if infinite.any():
            yield result, _overflow(subject, single, found[result], exact[result], infinite, name)
        off = abs(found[result] - exact[result])
        lost = fair & ~infinite & (size > _LEAST) & (off > _UNITS * _EPS * size + 8 * unsure[result])
        if lost.any():
            yield result, _cancellation(subject, single, found[result], exact[result], lost, name)


def _unsure(subject: Subject, rows: Rows, exact: Numbers) -> Numbers:
    """How much results change with the last places of the operands and parameters, added up."""
    total = np.zeros_like(exact)
    for column, domain in enumerate(subject.domains):
        if isinstance(domain, Labels):
            continue
        changes = np.zeros_like(exact)
        for sign in (1, -1):
            moved = rows.copy()
            numbers = rows[:, column] * (1 + sign * _STIRRED * _EPS)
            moved[:, column] = np.where(member(numbers, domain), numbers, rows[:, column])
            change = abs(subject.results(moved) - exact)
            changes = np.fmax(changes, np.where(np.isnan(change), 0, change))
        total += changes
    return total


def _overflow(
    subject: Subject, rows: Rows, found: Numbers, exact: Numbers, places: Numbers, name: str
) -> str:
    first = plainest(rows, places)
    return (
        f"{name} overflows in float32: {shown(found[first])} at {subject.described(rows[first])}, where "
        f"float64 gives {exact[first]:.6g}"
    )


def _cancellation(
    subject: Subject, rows: Rows, found: Numbers, exact: Numbers, places: Numbers, name: str
) -> str:
    relative = np.where(places, abs(found - exact) / np.where(places, abs(exact), 1), 0)
    worst = plainest(rows, relative >= 0.5 * min(1.0, relative.max()))
    digits = int(-log10(max(min(relative[worst], 1.0), _EPS)))
    return (
        f"{name} loses digits in float32, by cancellation: {shown(np.float32(found[worst]))} at "
        f"{subject.described(rows[worst])}, where float64 gives {exact[worst]:.7g}; {digits} of 7 digits hold"
    )
