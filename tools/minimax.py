"""Compute the polynomials and constants of `fastloss.math`, and write `fastloss/_math/coefficients.py`.

    python -m tools.minimax

A polynomial is fitted by the exchange algorithm of Remez in 60 digits, with a weight that turns its error
into that of the function. Then its coefficients are rounded to the type one by one, the lowest first. The
others are fitted again each time, so that they compensate for the rounding.
"""

import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mpmath
from mpmath import mp, mpf

Real = Any  # an mpf: mpmath has no types
Function = Callable[[Real], Real]

POINTS = 600  # at which errors are measured
ROUNDS = 30  # of exchanges at most: 5 to 10 suffice
OUTPUT = Path(__file__).parents[1] / "fastloss" / "_math" / "coefficients.py"


@dataclass
class Polynomial:
    """A function to approximate, its interval, and the weight by which the error is multiplied."""

    name: str
    meaning: str
    function: Function
    weight: Function
    interval: tuple[Real, Real]
    degrees: dict[str, int]


@dataclass
class Constant:
    """One number or several, in each type."""

    name: str
    meaning: str
    values: dict[str, Any]


def points_of(interval: tuple[Real, Real]) -> list[Real]:
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


def rounded(value: Real, kind: str) -> Real:
    """Round a number to the nearest one of a type."""
    digits = {"float32": 24, "float64": 53}[kind]
    with mp.workprec(digits):
        return +value


def fitted(polynomial: Polynomial, kind: str) -> tuple[list[Real], Real]:
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


def expm1_rest(r: Real) -> Real:
    return (mpmath.expm1(r) - r - r**2 / 2) / r**3


def log_rest(f: Real) -> Real:
    return (mpmath.log1p(f) - f + f**2 / 2) / f**3


def atanh_rest(z: Real) -> Real:
    s = mpmath.sqrt(z)
    return (2 * mpmath.atanh(s) - 2 * s) / s**3


def atanh_rest_after_cube(z: Real) -> Real:
    return (atanh_rest(z) - mpf(2) / 3) / z


def polynomials() -> list[Polynomial]:
    """All polynomials that the functions need."""
    half = mpmath.log(2) / 2 * (1 + mpf(2) ** -12)
    low, high = mpmath.sqrt(0.5) - 1 - mpf(2) ** -20, mpmath.sqrt(2) - 1 + mpf(2) ** -20
    widest, third = (high / (2 + high)) ** 2, (1 / mpf(3) + mpf(2) ** -10) ** 2
    return [
        Polynomial(
            "EXP",
            "(exp(r) - 1 - r - r**2 / 2) / r**3 where abs(r) <= log(2) / 2; relative to expm1(r).",
            expm1_rest,
            lambda r: abs(r**3 / mpmath.expm1(r)),
            (-half, half),
            {"float32": 3, "float64": 9},
        ),
        Polynomial(
            "LOG",
            "(log(1 + f) - f + f**2 / 2) / f**3, 1 + f between roots of 1/2 and 2; relative to log(1 + f).",
            log_rest,
            lambda f: abs(f**3 / mpmath.log1p(f)),
            (low, high),
            {"float32": 8},
        ),
        Polynomial(
            "ATANH",
            "(2 * atanh(s) - 2 * s) / s**3 of s**2, s = f / (2 + f), the same f; relative to 2 * atanh(s).",
            atanh_rest,
            lambda z: z * mpmath.sqrt(z) / (2 * mpmath.atanh(mpmath.sqrt(z))),
            (widest * mpf(2) ** -9, widest),
            {"float64": 6},
        ),
        Polynomial(
            "ATANH_THIRD",
            "The same of s at most 1 / 3.",
            atanh_rest,
            lambda z: z * mpmath.sqrt(z) / (2 * mpmath.atanh(mpmath.sqrt(z))),
            (third * mpf(2) ** -9, third),
            {"float32": 3, "float64": 10},
        ),
        Polynomial(
            "ATANH_REST",
            "(2 * atanh(s) - 2 * s - 2 / 3 * s**3) / s**5 of the same s**2; relative to 2 * atanh(s).",
            atanh_rest_after_cube,
            lambda z: z**2 * mpmath.sqrt(z) / (2 * mpmath.atanh(mpmath.sqrt(z))),
            (widest * mpf(2) ** -9, widest),
            {"float32": 2, "float64": 7},
        ),
    ]


def constants() -> list[Constant]:
    """All constants that are not coefficients."""
    log2, third = mpmath.log(2), mpf(2) / 3
    formats = {"float32": (24, 8), "float64": (53, 11)}  # bits of the significand, and of the exponent
    short = {
        kind: mpmath.floor(log2 * 2 ** (digits - exponent)) / 2 ** (digits - exponent)
        for kind, (digits, exponent) in formats.items()
    }
    high = {kind: rounded(log2, kind) for kind in formats}
    return [
        Constant("PER_LOG2", "1 / log(2).", {kind: rounded(1 / log2, kind) for kind in formats}),
        Constant(
            "NEAREST_LOG2",
            "log(2) in two parts, the first of which is the nearest number.",
            {kind: [high[kind], rounded(log2 - high[kind], kind)] for kind in formats},
        ),
        Constant(
            "SHORT_LOG2",
            "log(2) in two parts, of which every exponent times the first is exact.",
            {kind: [short[kind], rounded(log2 - short[kind], kind)] for kind in formats},
        ),
        Constant(
            "TWO_THIRDS",
            "2 / 3 in two parts.",
            {kind: [rounded(third, kind), rounded(third - rounded(third, kind), kind)] for kind in formats},
        ),
        Constant(
            "SHIFT",
            "What a whole number is added to so that the last bits are the exponent of that power of 2.",
            {
                kind: mpf(3) * 2 ** (digits - 2) + 2 ** (exponent - 1) - 1
                for kind, (digits, exponent) in formats.items()
            },
        ),
        Constant(
            "APART",
            "A quotient above the inverse of the first number may overflow. Its operands are then multiplied "
            "by the next two, and the last corrects the exponent of the result.",
            {
                "float32": [mpf(2) ** -100, mpf(2) ** -64, mpf(2) ** 86, mpf(150)],
                "float64": [mpf(2) ** -900, mpf(2) ** -512, mpf(2) ** 688, mpf(1200)],
            },
        ),
        Constant(
            "NORMAL",
            "The least positive number that is not subnormal.",
            {"float32": mpf(2) ** -126, "float64": mpf(2) ** -1022},
        ),
        Constant("DIGITS", "WHOLE is 2 to this power.", {"float32": mpf(23), "float64": mpf(52)}),
        Constant(
            "WHOLE", "From here on all numbers are whole.", {"float32": mpf(2) ** 23, "float64": mpf(2) ** 52}
        ),
        Constant(
            "TINY",
            "Below, expm1(x) and log1p(x) are x.",
            {"float32": mpf(2) ** -26, "float64": mpf(2) ** -55},
        ),
        Constant("EXP_LOW", "Here exp(x) rounds to 0.", {"float32": mpf(-104), "float64": mpf(-746)}),
        Constant("EXP_HIGH", "Here exp(x) overflows.", {"float32": mpf(89), "float64": mpf(710)}),
        Constant("EXPM1_LOW", "Here expm1(x) rounds to -1.", {"float32": mpf(-20), "float64": mpf(-40)}),
    ]


def text_of(kind: str, numbers: Any) -> str:
    """The Python source of a number, or of a tuple of several."""
    if isinstance(numbers, list):
        return "(" + "".join(f"{text_of(kind, number)}, " for number in numbers) + ")"
    text = repr(float(numbers))
    return f"_f32({text})" if kind == "float32" else text


def assignment(name: str, meaning: str, values: dict[str, Any]) -> str:
    """The Python source of an assignment of the numbers of each type, or of the only type."""
    texts = [text_of(kind, numbers) for kind, numbers in values.items()]
    pair = texts[0] if len(texts) == 1 else f"({', '.join(texts)})"
    comment = "".join(f"#: {line}\n" for line in textwrap.wrap(meaning, 100))
    return f"{comment}{name} = {pair}\n"


def source() -> str:
    """The source of the module of coefficients."""
    lines = [HEADER]
    for polynomial in polynomials():
        found = {kind: fitted(polynomial, kind) for kind in polynomial.degrees}
        errors = [
            f"2**{mpmath.nstr(mpmath.log(error, 2), 4)} in {kind}" for kind, (_, error) in found.items()
        ]
        meaning = f"{polynomial.meaning} Errors are at most {' and '.join(errors)}."
        values = {kind: coefficients for kind, (coefficients, _) in found.items()}
        lines.append(assignment(polynomial.name, meaning, values))
    lines += [assignment(constant.name, constant.meaning, constant.values) for constant in constants()]
    return "\n".join(lines)


HEADER = '''"""Polynomials, the lowest power first, and constants of elementary functions, in each type.

Written by ``python -m tools.minimax``, which says how they are found.
"""

import numpy as np

_f32 = np.float32

'''


def main() -> None:
    """Write the module, formatted as the project is."""
    mp.dps = 60
    OUTPUT.write_text(source())
    subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", str(OUTPUT)], check=True)


if __name__ == "__main__":
    main()
