"""The primitives of which elementary functions are made, in Python.

`fastloss._compile.elementary` implements each of them for Numba. Besides these, functions use only Python's
own sums, products that are not added to anything, comparisons and `abs`. All numbers in a function are of one
type.
"""

from collections.abc import Callable, Sequence
from math import copysign, frexp, inf, isfinite, nextafter
from typing import Any, TypeVar

import numpy as np

Float = TypeVar("Float", float, np.float32)
Number = Any  # either of them
Pair = tuple[Any, Any]  # a number or a tuple of them for float32, and for float64

#: Of each type: the unsigned integer of its size, the bits of its mantissa, and the root of 1/2.
_FORMS: dict[type, tuple[Any, int, Number]] = {
    np.float32: (np.uint32, 23, np.float32(0.5**0.5)),
    float: (np.uint64, 52, 0.5**0.5),
}


def evaluate(function: Callable[..., Any], args: tuple[Float, ...]) -> Float:
    """What a function returns for numbers, all of them as float32, or as float64 if one is anything else.

    An overflow or an invalid operation gives infinity or NaN, without a warning.
    """
    kind: Any = np.float32 if all(type(x) is np.float32 for x in args) else float
    with np.errstate(all="ignore"):
        found: Float = function(*map(kind, args))
    return found


def typed(like: Number, pair: Pair) -> Any:
    """The item of a pair that is for the type of a number."""
    return pair[type(like) is not np.float32]


def chosen(like: Number, single: Callable[..., Any], double: Callable[..., Any]) -> Callable[..., Any]:
    """The function for the type of a number."""
    return single if type(like) is np.float32 else double


def fma(x: Number, y: Number, z: Number) -> Number:
    """``x * y + z``, rounded once."""
    if type(x) is np.float32:
        return _fma_single(float(x), float(y), float(z))
    if not (isfinite(x) and isfinite(y) and isfinite(z)):
        return z if isfinite(x) and isfinite(y) else x * y + z
    (xn, xd), (yn, yd), (zn, zd) = (number.as_integer_ratio() for number in (x, y, z))
    numerator, denominator = xn * yn * zd + zn * xd * yd, xd * yd * zd
    if numerator == 0:  # a zero with the sign of the sum: neither sum nor product is rounded
        return x * y + z
    sign = 1 if numerator > 0 else -1
    try:
        return sign * (abs(numerator) / denominator)  # Python rounds a quotient of integers once
    except OverflowError:
        return sign * inf


def _fma_single(x: float, y: float, z: float) -> Number:
    """The same for float32, whose products are exact in float64: the sum is rounded to odd, then once more.

    S. Boldo and G. Melquiond, "Emulation of FMA and correctly rounded sums: proved algorithms using rounding
    to odd", IEEE Transactions on Computers 57 (2008), 462-471.
    """
    product = x * y
    found = product + z
    if isfinite(found):
        part = found - product
        error = (product - (found - part)) + (z - part)  # Knuth's formula for what the sum lacks
        if error != 0 and int(np.float64(found).view(np.uint64)) % 2 == 0:
            found = nextafter(found, copysign(inf, error))
    return np.float32(found)


def polynomial(x: Number, coefficients: tuple[Any, ...]) -> Number:
    """A polynomial with these coefficients, the lowest first, in the order that `estrin` gives."""
    return estrin(x, coefficients, fma, lambda power: power * power)


def estrin(
    x: Any, terms: Sequence[Any], fma: Callable[[Any, Any, Any], Any], squared: Callable[[Any], Any]
) -> Any:
    """A polynomial by pairs of terms, pairs of pairs and so on, several of which can be computed at once.

    G. Estrin, "Organization of computer systems: the fixed plus variable structure computer", Western Joint
    Computer Conference 1960, 33-40. The last two or three terms are added one by one, as fast.
    """
    while len(terms) > 3:
        pairs = [fma(x, terms[k + 1], terms[k]) for k in range(0, len(terms) - 1, 2)]
        terms, x = [*pairs, *terms[2 * len(pairs) :]], squared(x)
    *rest, value = terms
    for term in reversed(rest):
        value = fma(x, value, term)
    return value


def select(condition: bool, x: Number, y: Number) -> Number:
    """One of two numbers, without a branch that would keep loops from vectorising."""
    return x if condition else y


def quotient(x: Number, y: Number) -> Number:
    """``x / y``, which is infinite or NaN where y is 0."""
    return type(x)(np.divide(x, y))


def root(x: Number) -> Number:
    """The square root, NaN for a negative number."""
    return type(x)(np.sqrt(x))


def signed(size: Number, sign: Number) -> Number:
    """A number with the sign of another."""
    return type(size)(copysign(size, sign))


def power_of_two(shifted: Number) -> Number:
    """``2**n``, a normal number, from ``n + SHIFT``, whose last bits are those of an exponent."""
    kind = type(shifted)
    unsigned, mantissa, _ = _FORMS[kind]
    bits = int(_numpy(shifted).view(unsigned)) << mantissa
    return kind(unsigned(bits & int(np.iinfo(unsigned).max)).view(type(_numpy(shifted))))


def split(x: Number) -> tuple[Number, Number]:
    """m, between the square roots of 1/2 and 2, and k, with ``x = m * 2**k``, of a positive normal number.

    For other numbers, the results are arbitrary.
    """
    kind = type(x)
    mantissa, exponent = frexp(x)
    if mantissa < _FORMS[kind][2]:
        mantissa, exponent = 2 * mantissa, exponent - 1
    return kind(mantissa), kind(exponent)


def _numpy(x: Number) -> Any:
    return x if type(x) is np.float32 else np.float64(x)
