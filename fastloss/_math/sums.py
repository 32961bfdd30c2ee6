"""Sums of two numbers, each with what it lacks: together they have twice the digits.

Throughout these modules, what a rounded number lacks is its rounding error: the exact result minus the
number. A pair such as ``x, x_lacks`` stands for the sum of both.

No rounded product is added by an ordinary sum, here or in what uses this module, unless it is a
`rounded_product`: a compiler for CUDA would fuse the two and round once, where a CPU rounds twice.
"""

from math import inf

from fastloss._math.coefficients import WHOLE
from fastloss._math.primitives import fma, quotient, select, typed


def joined(x, y):
    """The sum of a number and a smaller one, and what it lacks.

    T. J. Dekker, "A floating-point technique for extending the available precision", Numerische Mathematik 18
    (1971), 224-242.
    """
    total = x + y
    return total, y - (total - x)


def summed(x, y):
    """The sum of two numbers, and what it lacks, whichever is smaller.

    O. Moller, "Quasi double-precision in floating point addition", BIT 5 (1965), 37-50.
    """
    total = x + y
    part = total - x
    return total, (x - (total - part)) + (y - part)


def increased(x, y, z):
    """``x + y * z`` and what it lacks; the product is smaller than x, or exact."""
    total = fma(y, z, x)
    return total, fma(y, z, x - total)


def fma_or_infinite(x, y, z, whole):
    """``x * y + z``, or another number where that is infinite."""
    return select(abs(whole) == type(whole)(inf), whole, fma(x, y, z))


def rounded_product(x, y):
    """A product that no compiler fuses with a later sum."""
    return fma(x, y, type(x)(0))


def multiplied(x, x_lacks, y, y_lacks):
    """The product of two numbers with what they lack."""
    found = rounded_product(x, y)
    return found, fma(x, y_lacks, fma(x_lacks, y, fma(x, y, -found)))


def squared_quotient(x, y):
    """``x / y``, its square, and what the rounded square of the rounded quotient lacks; y is positive."""
    ratio = quotient(x, y)
    square = rounded_product(ratio, ratio)
    # The reciprocal is computed once if y is the same for all elements. That of a subnormal number overflows.
    power = select(y < type(y)(1), typed(y, WHOLE), type(y)(1))
    lacks = fma(-ratio, y, x) * quotient(type(y)(1), y * power) * power
    return ratio, square, fma(ratio + ratio, lacks, fma(ratio, ratio, -square))


def precise_quotient(x, x_lacks, y, y_lacks):
    """The quotient of two numbers with what they lack; y is neither tiny nor huge."""
    found = quotient(x, y)
    return found, (fma(-found, y, x) + fma(-found, y_lacks, x_lacks)) * quotient(type(y)(1), y)
