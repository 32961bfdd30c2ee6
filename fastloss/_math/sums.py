"""Sums of two numbers, each with what it lacks: together they have twice the digits.

No product that is rounded is added by an ordinary sum, here or in what uses this: a compiler for CUDA would
join the two and round once, where a processor rounds twice.
"""

from fastloss._math.primitives import fma


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


def multiplied(x, x_lacks, y, y_lacks):
    """The product of two numbers with what they lack."""
    found = x * y
    return found, fma(x, y_lacks, fma(x_lacks, y, fma(x, y, -found)))
