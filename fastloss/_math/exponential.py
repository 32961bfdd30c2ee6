"""The exponential function and what is made of it.

``x = k * log(2) + r`` with a whole number k, so that ``exp(x) = 2**k * exp(r)``: J.-M. Muller, "Elementary
Functions", 3rd edition, Birkhaeuser 2016, chapters 11 (reduction) and 3 (polynomials). What a number lacks is kept
beside it in a second one, and added last.
"""

from fastloss._math.coefficients import EXP, LIMITS, REDUCTION
from fastloss._math.primitives import fma, polynomial, power_of_two, quotient, select, signed, typed


def reduced(x, lacks, shift):
    """k + shift, and ``exp(x + lacks) / 2**k - 1`` as two numbers, the first of which is exact."""
    reciprocal, log2, rest, _ = typed(x, REDUCTION)
    shifted = fma(x, reciprocal, shift)
    k = shifted - shift
    high = fma(k, -log2, x)  # exact: it has no more bits than x and log2
    low = fma(k, -rest, lacks)
    r = high + low
    cubic = fma(r * r * r, polynomial(r, typed(x, EXP)), low)
    # Half of r is exact, the square is not.
    return shifted, high, fma(r * type(x)(0.5), r, cubic)


def shift_of(x):
    return typed(x, REDUCTION)[3]


def powers(x, k):
    """``2**k`` as two factors, as it may itself be too large or too small."""
    shift = shift_of(x)
    half = fma(k, type(x)(0.5), shift)
    rest = k - (half - shift)
    return power_of_two(half), power_of_two(rest + shift)


def scaled(x, k):
    """``x * 2**k``, rounded once."""
    first, second = powers(x, k)
    return x * first * second


def limited(x, low, high):
    """x, or the limit that it is beyond; NaN stays."""
    found = select(x < low, low, x)
    return select(found > high, high, found)


def joined(x, y):
    """The sum of two numbers, and what it lacks; the second is smaller.

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


def exp_parts(x, lacks):
    """k, and ``exp(x + lacks) / 2**k`` as two numbers."""
    one, shift = type(x)(1), shift_of(x)
    shifted, high, rest = reduced(x, lacks, shift)
    whole, lacks = joined(one, high)
    return shifted - shift, whole, lacks + rest


def exp(x):
    low, high, _, _, _ = typed(x, LIMITS)
    k, whole, rest = exp_parts(limited(x, low, high), type(x)(0))
    return scaled(whole + rest, k)


def half_expm1(x):
    """``expm1(x) / 2`` as a number and what it lacks; half of it, as 2**k is too large for the largest x."""
    half, shift = type(x)(0.5), shift_of(x) - type(x)(1)
    shifted, high, rest = reduced(x, type(x)(0), shift)
    power = power_of_two(shifted)
    start, start_lacks = summed(power, -half)
    whole = fma(power, high, start)
    lacks = fma(power, high, start - whole)
    return joined(whole, fma(power, rest, lacks + start_lacks))


def expm1(x):
    _, high, low, tiny, _ = typed(x, LIMITS)
    found, _ = half_expm1(limited(x, low, high))
    return select(abs(x) < tiny, x, type(x)(2) * found)


def divided(x, x_lacks, y, y_lacks):
    """``(x + x_lacks) / (y + y_lacks)``, rounded little more than once."""
    reciprocal = quotient(type(x)(1), y)
    near = x * reciprocal
    lacks = fma(-near, y, x) + fma(-near, y_lacks, x_lacks)
    return fma(lacks, reciprocal, near)


def tanh(x):
    """``-expm1(-2 * x) / (2 + expm1(-2 * x))`` of the size of x."""
    one, two = type(x)(1), type(x)(2)
    _, _, low, tiny, _ = typed(x, LIMITS)
    number, lacks = half_expm1(limited(-two * abs(x), low, one))
    below, below_lacks = joined(one, number)
    found = divided(-number, -lacks, below, below_lacks + lacks)
    return select(abs(x) < tiny, x, signed(found, x))


def sigmoid(x):
    """``exp(x) / (1 + exp(x))`` or ``1 / (1 + exp(-x))``, whose exponential is not above 1."""
    zero, one, shift = type(x)(0), type(x)(1), shift_of(x)
    low, _, far, _, _ = typed(x, LIMITS)
    k, whole, rest = exp_parts(limited(-abs(x), low, zero), zero)
    found, lacks = joined(whole, rest)
    power = power_of_two(select(k < far + far, far + far, k) + shift)
    below = fma(found, power, one)
    below_lacks = fma(lacks, power, fma(found, power, one - below))
    above, above_lacks = select(x < zero, found, one), select(x < zero, lacks, zero)
    return scaled(divided(above, above_lacks, below, below_lacks), select(x < zero, k, zero))
