"""The exponential function and what is made of it.

``x = k * log(2) + r`` with a whole number k, so that ``exp(x) = 2**k * exp(r)``: J.-M. Muller, "Elementary
Functions", 3rd edition, Birkhaeuser 2016, chapters 3 (polynomials) and 11 (reduction).
"""

from fastloss._math.coefficients import (
    EXP,
    EXP_HIGH,
    EXP_LOW,
    EXPM1_LOW,
    NEAREST_LOG2,
    PER_LOG2,
    SHIFT,
    TINY,
)
from fastloss._math.primitives import fma, polynomial, power_of_two, quotient, select, signed, typed
from fastloss._math.sums import increased, joined, rounded_product, summed


def limited(x, low, high):
    """x, clipped to the limits; NaN stays NaN."""
    found = select(x < low, low, x)
    return select(found > high, high, found)


def reduced(x, lacks, shift):
    """k + shift, and ``x + lacks - k * log(2)`` as two numbers, the first of which is exact."""
    log2, log2_rest = typed(x, NEAREST_LOG2)
    shifted = fma(x, typed(x, PER_LOG2), shift)
    k = shifted - shift
    # No bit of the first is below the last ones of x and log2.
    return shifted, fma(k, -log2, x), fma(k, -log2_rest, lacks)


def rise(high, low):
    """``exp(high + low) - 1``, rounded little more than once."""
    r, half = high + low, type(high)(0.5)
    return high + fma(r * r, fma(r, polynomial(r, typed(r, EXP)), half), low)


def rest_of_rise(high, low):
    """``exp(high + low) - 1 - high``."""
    r, half = high + low, type(high)(0.5)
    cubic = fma(r * r * r, polynomial(r, typed(r, EXP)), fma(low, high, low))
    return fma(high * half, high, cubic)


def scaled(x, k):
    """``x * 2**k``, rounded once; in two steps, as ``2**k`` may be too large."""
    shift = typed(x, SHIFT)
    half = fma(k, type(x)(0.5), shift)
    rest = (k - (half - shift)) + shift
    # Not a plain product, which a compiler could fuse with a later sum.
    return fma(x * power_of_two(half), power_of_two(rest), type(x)(0))


def exp_parts(x, lacks):
    """k, and ``exp(x + lacks) / 2**k`` as two numbers."""
    shift = typed(x, SHIFT)
    shifted, high, low = reduced(x, lacks, shift)
    whole, whole_lacks = joined(type(x)(1), high)
    return shifted - shift, whole, whole_lacks + rest_of_rise(high, low)


def exp(x):
    return exp_sum(x, type(x)(0))


def exp_sum(x, x_lacks):
    """``exp(x + x_lacks)``; what a rounded x lacks may be many units in the last place of the result."""
    shift, zero = typed(x, SHIFT), type(x)(0)
    near = limited(x, typed(x, EXP_LOW), typed(x, EXP_HIGH))
    shifted, high, low = reduced(near, select(near == x, x_lacks, zero), shift)
    return scaled(type(x)(1) + rise(high, low), shifted - shift)


def precise_exp(x, x_lacks):
    """`exp_sum`, rounded hardly more than once."""
    near = limited(x, typed(x, EXP_LOW), typed(x, EXP_HIGH))
    k, whole, rest = exp_parts(near, select(near == x, x_lacks, type(x)(0)))
    return scaled(whole + rest, k)


def exp_product(x, y, y_lacks):
    """``exp(x * (y + y_lacks))``."""
    product = rounded_product(x, y)
    return exp_sum(product, fma(x, y_lacks, fma(x, y, -product)))


def exp_product_parts(x, y, y_lacks):
    """`exp_product`, which may overflow or vanish, as a number and an exponent of 2, to be `scaled`."""
    product, shift = rounded_product(x, y), typed(x, SHIFT)
    near = limited(product, typed(x, EXP_LOW), typed(x, EXP_HIGH) * type(x)(1.9))
    lacks = select(near == product, fma(x, y_lacks, fma(x, y, -product)), type(x)(0))
    shifted, high, low = reduced(near, lacks, shift)
    return type(x)(1) + rise(high, low), shifted - shift


def half_expm1(x, x_lacks):
    """``expm1(x + x_lacks) / 2`` and what it lacks; halved, as 2**k is too large for the largest x."""
    shifted, high, low = reduced(x, x_lacks, typed(x, SHIFT) - type(x)(1))
    power = power_of_two(shifted)
    start, start_lacks = summed(power, type(x)(-0.5))
    whole, lacks = increased(start, power, high)
    return joined(whole, fma(power, rest_of_rise(high, low), lacks + start_lacks))


def exp_and_expm1(x, x_lacks):
    """``exp(x + x_lacks)`` as a number and the exponent of a power of 2, and ``expm1(x + x_lacks)``.

    The number may be `scaled` with a factor where the exponential by itself would overflow or vanish. Both
    are rounded little more than once, `expm1` up to three times where it is above 0. This holds up to an
    exponential of ``2**89``, in float64 ``2**710``. The last result is what `expm1` lacks.
    """
    shift, one = typed(x, SHIFT), type(x)(1)
    lowest = typed(x, EXP_LOW) * type(x)(1.6)  # `scaled` takes exponents as large as these
    near = limited(x, lowest, typed(x, EXP_HIGH) * type(x)(1.9))
    shifted, high, low = reduced(near, select(near == x, x_lacks, type(x)(0)), shift)
    risen = rise(high, low)
    # 2**k may be too small for a normal number, where 1 outweighs it, or too large.
    power = power_of_two(
        limited(shifted, shift + typed(x, EXPM1_LOW) * type(x)(2), shift + typed(x, EXP_HIGH))
    )
    number = select(x < lowest, type(x)(0), one + risen)
    less = fma(power, risen, power - one)
    return number, shifted - shift, less, fma(power, risen, (power - one) - less)


def expm1(x):
    # The sum would lose the sign of -0.
    return select(abs(x) < typed(x, TINY), x, expm1_sum(x, type(x)(0)))


def expm1_sum(x, x_lacks):
    """``expm1(x + x_lacks)``."""
    found, _ = expm1_parts(x, x_lacks)
    return found


def expm1_parts(x, x_lacks):
    """``expm1(x + x_lacks)`` as two numbers."""
    near = limited(x, typed(x, EXPM1_LOW), typed(x, EXP_HIGH))
    half, lacks = half_expm1(near, select(near == x, x_lacks, type(x)(0)))
    small = abs(x) < typed(x, TINY)
    return select(small, x + x_lacks, half + half), select(small, type(x)(0), lacks + lacks)


def divided(x, x_lacks, y, y_lacks):
    """``(x + x_lacks) / (y + y_lacks)``, rounded little more than once."""
    reciprocal = quotient(type(x)(1), y)
    near = x * reciprocal
    lacks = fma(-near, y_lacks, fma(-near, y, x) + x_lacks)
    return fma(lacks, reciprocal, near)


def tanh(x):
    """``-expm1(-2 * x) / (2 + expm1(-2 * x))`` for ``abs(x)``, with the sign of x."""
    size = abs(x)
    number, lacks = half_expm1(limited(-(size + size), typed(x, EXPM1_LOW), type(x)(0)), type(x)(0))
    below, below_lacks = joined(type(x)(1), number)
    found = divided(-number, -lacks, below, below_lacks + lacks)
    return select(size < typed(x, TINY), x, signed(found, x))


def sigmoid(x):
    """``exp(x) / (1 + exp(x))`` or ``1 / (1 + exp(-x))``, whose exponential is not above 1."""
    zero, one = type(x)(0), type(x)(1)
    k, number, lacks, power, _ = small_exp(x)
    below, below_lacks = increased(one, number, power)
    above, above_lacks = select(x < zero, number, one), select(x < zero, lacks, zero)
    found = divided(above, above_lacks, below, fma(lacks, power, below_lacks))
    return scaled(found, select(x < zero, k, zero))


def small_exp(x):
    """``exp(-abs(x))`` as k, a number and what it lacks, ``2**k``, and 0.

    Where ``2**k`` is tiny, the last two are a larger power, and the rest of k by which what is computed with
    that power has to be `scaled`.
    """
    zero, lowest = type(x)(0), typed(x, EXPM1_LOW)
    lowest = lowest + lowest
    k, whole, rest = exp_parts(limited(-abs(x), typed(x, EXP_LOW), zero), zero)
    number, lacks = joined(whole, rest)
    near = select(k < lowest, lowest, k)
    return k, number, lacks, power_of_two(near + typed(x, SHIFT)), k - near
