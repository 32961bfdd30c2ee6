"""The exponential function and what is made of it.

``x = k * log(2) + r`` with a whole number k, so that ``exp(x) = 2**k * exp(r)``: J.-M. Muller, "Elementary
Functions", 3rd edition, Birkhaeuser 2016, chapters 11 (reduction) and 3 (polynomials). What a number lacks is kept
beside it in a second one, and added last.
"""

from fastloss._math.coefficients import EXP, LIMITS, REDUCTION
from fastloss._math.primitives import fma, polynomial, power_of_two, quotient, select, signed, typed


def reduced(x, shift):
    """k + shift, and ``exp(x) / 2**k - 1`` as two numbers, the first of which is exact."""
    reciprocal, log2, rest, _ = typed(x, REDUCTION)
    shifted = fma(x, reciprocal, shift)
    k = shifted - shift
    high = fma(k, -log2, x)  # exact: it has no more bits than x and log2
    r = fma(k, -rest, high)
    return shifted, high, fma(r * r, polynomial(r, typed(x, EXP)), k * -rest)


def shift_of(x):
    return typed(x, REDUCTION)[3]


def scaled(x, k):
    """``x * 2**k``, in two steps as ``2**k`` alone may be too large or too small, rounded once."""
    shift = shift_of(x)
    half = fma(k, type(x)(0.5), shift)
    rest = k - (half - shift)
    return x * power_of_two(half) * power_of_two(rest + shift)


def limited(x, low, high):
    """x, or the limit that it is beyond; NaN stays."""
    return select(x > high, high, select(x < low, low, x))


def exp_parts(x):
    """k, and ``exp(x) / 2**k`` as two numbers."""
    one, shift = type(x)(1), shift_of(x)
    shifted, high, rest = reduced(x, shift)
    whole = one + high
    return shifted - shift, whole, (high - (whole - one)) + rest


def exp(x):
    low, high, _, _ = typed(x, LIMITS)
    k, whole, rest = exp_parts(limited(x, low, high))
    return scaled(whole + rest, k)


def half_expm1(x):
    """``expm1(x) / 2`` as two numbers; half of it, as 2**k is too large for the largest x."""
    half, shift = type(x)(0.5), shift_of(x) - type(x)(1)
    shifted, high, rest = reduced(x, shift)
    power = power_of_two(shifted)
    start = power - half
    whole = fma(power, high, start)
    return whole, fma(power, rest, fma(power, high, start - whole))


def expm1(x):
    _, high, low, tiny = typed(x, LIMITS)
    whole, rest = half_expm1(limited(x, low, high))
    return select(abs(x) < tiny, x, type(x)(2) * (whole + rest))


def divided(x, x_rest, y, y_rest):
    """``(x + x_rest) / (y + y_rest)``, rounded little more than once."""
    reciprocal = quotient(type(x)(1), y)
    near = x * reciprocal
    lacking = fma(-near, y, x) + fma(-near, y_rest, x_rest)
    return fma(lacking, reciprocal, near)


def tanh(x):
    """``expm1(2 * x) / (expm1(2 * x) + 2)``."""
    one = type(x)(1)
    _, _, low, tiny = typed(x, LIMITS)
    size = abs(x)
    whole, rest = half_expm1(type(x)(2) * select(size > -low, -low, size))
    number = whole + rest
    number_rest = rest - (number - whole)
    below = one + number
    found = divided(number, number_rest, below, (number - (below - one)) + number_rest)
    return select(size < tiny, x, signed(found, x))


def sigmoid(x):
    """``exp(x) / (1 + exp(x))`` or ``1 / (1 + exp(-x))``, whose exponential is not above 1."""
    zero, one, shift = type(x)(0), type(x)(1), shift_of(x)
    low, _, far, _ = typed(x, LIMITS)
    k, whole, rest = exp_parts(limited(-abs(x), low, zero))
    power = power_of_two(select(k < far + far, far + far, k) + shift)
    below = fma(whole, power, one)
    below_rest = fma(rest, power, fma(whole, power, one - below))
    above, above_rest = select(x < zero, whole, one), select(x < zero, rest, zero)
    return scaled(divided(above, above_rest, below, below_rest), select(x < zero, k, zero))
