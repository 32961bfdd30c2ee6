"""NaN where there should be none, no NaN where there should be one, and jumps of the value."""

from collections.abc import Iterator
from math import nan

import numpy as np

from fastloss._check.branches import jumps
from fastloss._check.evaluation import (
    GRAD,
    PRED,
    RESULTS,
    TARGET,
    VALUE,
    Numbers,
    Rows,
    Subject,
    plainest,
    shown,
)


def findings(subject: Subject, rows: Rows) -> Iterator[str]:
    """Faults of the values themselves."""
    yield from _unwanted_nan(subject, rows)
    yield from _hidden_nan(subject, rows)
    found = jumps(subject, rows, VALUE)
    if len(found.below):
        place = plainest(found.above, np.full(len(found.above), True))
        yield (
            f"value jumps from {shown(found.before[place])} to {shown(found.after[place])} at "
            f"{subject.described(found.above[place])}"
        )


def _unwanted_nan(subject: Subject, rows: Rows) -> Iterator[str]:
    missing = np.isnan(subject.results(rows))
    missing &= ~_refused(rows, np.all(missing, axis=0))
    names = [name for name, column in zip(RESULTS, missing, strict=True) if column.any()]
    if not names:
        return
    places: Numbers = np.any(missing, axis=0)
    first = plainest(rows, places)
    yield (
        f"{', '.join(names)}: NaN at {subject.described(rows[first])}, which the domains allow"
        f"{_explained(subject, rows[first])}; NaN at {places.sum()} of {len(rows)} points"
    )


def _refused(rows: Rows, missing: Numbers) -> Numbers:
    """Points whose target and parameters a loss accepts, but not together: every result is NaN there."""
    every = []
    for columns in (rows[:, TARGET:], rows[:, TARGET : TARGET + 1], rows[:, TARGET + 1 :]):
        _, group = np.unique(columns, axis=0, return_inverse=True)
        group = group.reshape(-1)
        every.append((np.bincount(group[~missing], minlength=group.max() + 1) == 0)[group])
    together, by_target, by_parameters = every
    refused: Numbers = together & ~by_target & ~by_parameters
    return refused


def _explained(subject: Subject, row: Rows) -> str:
    """The error that plain Python raises at a point, if any."""
    try:
        subject.loss.formula(*map(float, row))
    except Exception as error:
        return f" (as plain Python it raises {type(error).__name__}: {error})"
    return ""


def _hidden_nan(subject: Subject, rows: Rows) -> Iterator[str]:
    both = []
    for column in (PRED, TARGET):
        both.append(rows.copy())
        both[-1][:, column] = nan
    moved = np.concatenate(both)
    results = subject.results(moved)
    for result in (VALUE, GRAD):
        hidden = ~np.isnan(results[result])
        if hidden.any():
            place = plainest(moved, hidden)
            given = shown(results[result][place])
            yield f"{RESULTS[result]} hides NaN: {given} at {subject.described(moved[place])}"
