"""Compute the polynomials and constants of `fastloss.math`, and write `fastloss/_math/coefficients.py`.

    python -m tools.minimax

`tools.remez` says how the polynomials are found, here in 60 digits.
"""

import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import mpmath
from mpmath import mp, mpf

from tools.remez import FORMATS, Kind, Polynomial, Real, fitted, rounded

Numbers = Real | list[Real]

OUTPUT = Path(__file__).parents[1] / "fastloss" / "_math" / "coefficients.py"


@dataclass(frozen=True)
class Constant:
    """One number or several, in each type."""

    name: str
    meaning: str
    values: dict[Kind, Numbers]


def expm1_rest(r: Real) -> Real:
    return (mpmath.expm1(r) - r - r**2 / 2) / r**3


def log_rest(f: Real) -> Real:
    return (mpmath.log1p(f) - f + f**2 / 2) / f**3


def atanh_rest(z: Real) -> Real:
    s = mpmath.sqrt(z)
    return (2 * mpmath.atanh(s) - 2 * s) / s**3


def atanh_rest_after_cube(z: Real) -> Real:
    return (atanh_rest(z) - mpf(2) / 3) / z


def atanh_weight(z: Real) -> Real:
    return z * mpmath.sqrt(z) / (2 * mpmath.atanh(mpmath.sqrt(z)))


def polynomials() -> list[Polynomial]:
    """All polynomials that the functions need."""
    return [of_exp(), *of_log()]


def of_exp() -> Polynomial:
    half = mpmath.log(2) / 2 * (1 + mpf(2) ** -12)
    return Polynomial(
        "EXP",
        "(exp(r) - 1 - r - r**2 / 2) / r**3 where abs(r) <= log(2) / 2; relative to expm1(r).",
        expm1_rest,
        lambda r: abs(r**3 / mpmath.expm1(r)),
        (-half, half),
        {"float32": 3, "float64": 9},
    )


def of_log() -> list[Polynomial]:
    low, high = mpmath.sqrt(0.5) - 1 - mpf(2) ** -20, mpmath.sqrt(2) - 1 + mpf(2) ** -20
    widest, third = (high / (2 + high)) ** 2, (1 / mpf(3) + mpf(2) ** -10) ** 2
    return [
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
            atanh_weight,
            (widest * mpf(2) ** -9, widest),
            {"float64": 6},
        ),
        Polynomial(
            "ATANH_THIRD",
            "The same of s at most 1 / 3.",
            atanh_rest,
            atanh_weight,
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
    return [*inexact(), *of_formats(), *thresholds()]


def inexact() -> list[Constant]:
    """Numbers that are not of a type: the nearest one, or two parts."""
    log2, third = mpmath.log(2), mpf(2) / 3
    return [
        Constant("PER_LOG2", "1 / log(2).", {kind: rounded(1 / log2, kind) for kind in FORMATS}),
        Constant(
            "NEAREST_LOG2",
            "log(2) in two parts, the first of which is the nearest number.",
            {kind: parts(log2, rounded(log2, kind), kind) for kind in FORMATS},
        ),
        Constant(
            "SHORT_LOG2",
            "log(2) in two parts, of which every exponent times the first is exact.",
            {
                kind: parts(log2, truncated(log2, each.digits - each.exponent), kind)
                for kind, each in FORMATS.items()
            },
        ),
        Constant(
            "TWO_THIRDS",
            "2 / 3 in two parts.",
            {kind: parts(third, rounded(third, kind), kind) for kind in FORMATS},
        ),
    ]


def truncated(number: Real, bits: int) -> Real:
    """Keep so many bits after the point."""
    return mpmath.floor(number * 2**bits) / 2**bits


def parts(number: Real, first: Real, kind: Kind) -> list[Real]:
    """A number as the sum of a first part and another one, rounded to a type."""
    return [first, rounded(number - first, kind)]


def of_formats() -> list[Constant]:
    """Powers of 2, and sums of them, that belong to the formats of the types."""
    return [
        Constant(
            "SHIFT",
            "What a whole number is added to so that the last bits are the exponent of that power of 2.",
            {
                kind: mpf(3) * 2 ** (digits - 2) + 2 ** (exponent - 1) - 1
                for kind, (digits, exponent) in FORMATS.items()
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
    ]


def thresholds() -> list[Constant]:
    """Numbers beyond which a result is known."""
    return [
        Constant(
            "TINY",
            "Below, expm1(x) and log1p(x) are x.",
            {"float32": mpf(2) ** -26, "float64": mpf(2) ** -55},
        ),
        Constant("EXP_LOW", "Here exp(x) rounds to 0.", {"float32": mpf(-104), "float64": mpf(-746)}),
        Constant("EXP_HIGH", "Here exp(x) overflows.", {"float32": mpf(89), "float64": mpf(710)}),
        Constant("EXPM1_LOW", "Here expm1(x) rounds to -1.", {"float32": mpf(-20), "float64": mpf(-40)}),
    ]


def text_of(kind: Kind, numbers: Numbers) -> str:
    """The Python source of a number, or of a tuple of several."""
    if isinstance(numbers, list):
        return "(" + "".join(f"{text_of(kind, number)}, " for number in numbers) + ")"
    text = repr(float(numbers))
    return f"_f32({text})" if kind == "float32" else text


def assignment(name: str, meaning: str, values: dict[Kind, Numbers]) -> str:
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
