"""A loss evaluated at many points at once."""

from math import isnan
from typing import Any, NamedTuple

import numpy as np

from fastloss._definition.domain import Domain, Labels
from fastloss._loss import Loss

#: Points are rows of an array: pred, target and the parameters of one element.
PRED, TARGET = 0, 1
VALUE, GRAD, HESS = range(3)
RESULTS = "value", "grad", "hess"
_DIGITS = 12

Rows = np.ndarray[Any, Any]
Numbers = np.ndarray[Any, Any]


class Subject(NamedTuple):
    """A loss that is checked."""

    loss: Loss
    columns: tuple[str, ...]
    domains: tuple[Domain | Labels | None, ...]

    def results(self, rows: Rows) -> Numbers:
        """Value, gradient and second derivative, each a row, computed in the type of the points."""
        arrays = dict(zip(self.columns, rows.T, strict=True))
        return np.array(self.loss.value_grad_hess(**arrays, reduction="none"))

    def allowed(self, rows: Rows) -> Any:
        """Which points are in the domains of the loss, in their own type."""
        kept = np.full(len(rows), True)
        for column, domain in zip(rows.T, self.domains, strict=True):
            kept &= member(column, domain)
        return kept

    def described(self, row: Rows) -> str:
        """A point in words."""
        return ", ".join(f"{name}={shown(x)}" for name, x in zip(self.columns, row, strict=True))


def subject_of(loss: Loss) -> Subject:
    operands = [loss.operands.get(name) for name in ("pred", "target")]
    return Subject(loss, ("pred", "target", *loss.domains), (*operands, *loss.domains.values()))


def member(numbers: Numbers, domain: Domain | Labels | None) -> Any:
    """Which numbers are in a domain; for None, which are finite."""
    if domain is None:
        return np.isfinite(numbers)
    if isinstance(domain, Labels):
        return np.isin(numbers, domain.values)
    above = numbers >= domain.low if domain.low_included else numbers > domain.low
    below = numbers <= domain.high if domain.high_included else numbers < domain.high
    return above & below


def shown(x: Any) -> str:
    """A number in six digits if these are exact, else in as many as identify it."""
    if isnan(x):
        return "nan"
    short = f"{x:.6g}"
    return short if float(short) == x else f"{x:.9g}" if isinstance(x, np.float32) else f"{x:.17g}"


def plainest(rows: Rows, places: Numbers) -> int:
    """The index, among `places`, of the point whose numbers are the shortest to write and nearest to 1."""
    candidates = np.flatnonzero(places)
    return int(candidates[_length(rows[candidates].astype(float)).sum(axis=1).argmin()])


def _length(numbers: Numbers) -> Numbers:
    """About how many characters numbers take."""
    digits = np.full(numbers.shape, float(_DIGITS))
    for count in reversed(range(_DIGITS)):
        digits[(np.round(numbers, count) == numbers) | np.isnan(numbers)] = count
    with np.errstate(all="ignore"):
        powers = np.where(numbers == 0, 0, abs(np.log10(abs(numbers))))
    length: Numbers = digits + np.nan_to_num(powers, posinf=_DIGITS) + np.signbit(numbers)
    return length


def usual(rows: Rows, results: Numbers) -> Numbers:
    """For each point, the median size of the finite results with its target and parameters."""
    _, group = np.unique(rows[:, TARGET:], axis=0, return_inverse=True)
    group = group.reshape(-1)
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    medians = [_median(each) for each in np.split(abs(results[order]), starts[1:])]
    found: Numbers = np.array(medians)[group]
    return found


def _median(sizes: Numbers) -> float:
    finite = sizes[np.isfinite(sizes)]
    return float(np.median(finite)) if finite.size else 0.0
