"""Fit polynomials whose coefficients are floats by the exchange algorithm of Remez.

A polynomial is fitted in the digits to which mpmath is set, with a weight that turns its error into that of
the function. Then its coefficients are rounded to the type one by one, the lowest first. The others are
fitted again each time, so that they compensate for the rounding.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import mpmath
from mpmath import mp, mpf

Real = Any  # an mpf: mpmath has no types
Function = Callable[[Real], Real]
Interval = tuple[Real, Real]
Kind = Literal["float32", "float64"]

POINTS = 600  # at which errors are measured
ROUNDS = 30  # of exchanges at most: 13 suffice for 42 of the 56 fits that are made, and 14 do not settle


class Format(NamedTuple):
    """The bits of the significand and of the exponent of a type."""

    digits: int
    exponent: int


FORMATS: dict[Kind, Format] = {"float32": Format(24, 8), "float64": Format(53, 11)}


@dataclass(frozen=True)
class Polynomial:
    """A function to approximate, its interval, and the weight by which the error is multiplied."""

    name: str
    meaning: str
    function: Function
    weight: Function
    interval: Interval
    degrees: dict[Kind, int]


def points_of(interval: Interval) -> list[Real]:
    """Points of an interval, denser at its ends, none of them 0."""
    low, high = interval
    nodes = (mpmath.cos(mpmath.pi * (k + mpf(1) / 2) / POINTS) for k in range(POINTS))
    found = [(low + high) / 2 - (high - low) / 2 * node for node in nodes]
    return [low, *(t for t in found if abs(t) > high * mpf(2) ** -9), high]


def minimax(values: list[Real], weights: list[Real], points: list[Real], degree: int) -> list[Real]:
    """The coefficients with the smallest maximum of the weighted errors at points, by exchanging points."""
    count = degree + 2
    chosen = [
        round((1 - mpmath.cos(mpmath.pi * k / (count - 1))) / 2 * (len(points) - 1)) for k in range(count)
    ]
    chosen = [int(k) for k in chosen]
    coefficients: list[Real] = []
    for _ in range(ROUNDS):
        rows = [
            [points[k] ** j for j in range(degree + 1)] + [(-1) ** i / weights[k]]
            for i, k in enumerate(chosen)
        ]
        *coefficients, level = mpmath.lu_solve(
            mpmath.matrix(rows), mpmath.matrix([values[k] for k in chosen])
        )
        errors = [
            (value - value_at(t, coefficients)) * weight
            for value, weight, t in zip(values, weights, points, strict=True)
        ]
        found = exchanged(errors, count)
        if max(map(abs, errors)) <= abs(level) * (1 + mpf(2) ** -20) or found == chosen:
            break
        chosen = found
    return coefficients


def value_at(t: Real, coefficients: list[Real]) -> Real:
    """The value of a polynomial."""
    found = mpf(0)
    for coefficient in reversed(coefficients):
        found = found * t + coefficient
    return found


def exchanged(errors: list[Real], count: int) -> list[int]:
    """The indices of `count` extreme errors that alternate in sign."""
    extremes: list[int] = []
    for k, error in enumerate(errors):
        if extremes and (error > 0) == (errors[extremes[-1]] > 0):
            if abs(error) > abs(errors[extremes[-1]]):
                extremes[-1] = k
        else:
            extremes.append(k)
    size = [abs(errors[k]) for k in extremes]
    while len(extremes) > count:  # one at an end may be removed, or two neighbours anywhere
        at = min(range(len(size) - 1), key=lambda i: max(size[i], size[i + 1]))
        if len(extremes) == count + 1:
            at = 0 if size[0] < size[-1] else len(size) - 1
        last = at + 1 if len(extremes) == count + 1 else at + 2
        del extremes[at:last], size[at:last]
    if len(extremes) < count:
        raise ArithmeticError("errors alternate too seldom: the type has too few digits for this degree")
    return extremes


def rounded(value: Real, kind: Kind) -> Real:
    """Round a number to the nearest one of a type."""
    with mp.workprec(FORMATS[kind].digits):
        return +value


def fitted(polynomial: Polynomial, kind: Kind) -> tuple[list[Real], Real]:
    """The coefficients of a polynomial in a type, the lowest first, and its largest weighted error."""
    points = points_of(polynomial.interval)
    values = [polynomial.function(t) for t in points]
    weights = [polynomial.weight(t) for t in points]
    exact, scale = values, weights
    found: list[Real] = []
    for degree in range(polynomial.degrees[kind], -1, -1):
        coefficient = rounded(minimax(values, weights, points, degree)[0], kind)
        found.append(coefficient)
        values = [(value - coefficient) / t for value, t in zip(values, points, strict=True)]
        weights = [weight * abs(t) for weight, t in zip(weights, points, strict=True)]
    errors = [
        abs(value - value_at(t, found)) * weight
        for value, weight, t in zip(exact, scale, points, strict=True)
    ]
    return found, max(errors)
