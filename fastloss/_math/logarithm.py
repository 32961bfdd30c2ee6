"""Logarithms.

``x = m * 2**k`` with m between the roots of 1/2 and 2, so that ``log(x) = k * log(2) + log(m)``:
J.-M. Muller, "Elementary Functions", 3rd edition, Birkhaeuser 2016, chapter 11.
"""

from math import inf, nan

from fastloss._math.coefficients import ATANH, LOG, SHIFT, SHORT_LOG2, TINY
from fastloss._math.exponential import scaled, small_exp
from fastloss._math.primitives import (
    chosen,
    fma,
    polynomial,
    power_of_two,
    quotient,
    select,
    signed,
    split,
    typed,
)
from fastloss._math.sums import increased, summed


def tail_single(f, more):
    """``log(1 + f) - f + more`` of a float32."""
    return fma(f * type(f)(-0.5), f, fma(f * f * f, polynomial(f, LOG), more))


def tail_double(f, more):
    """The same of a float64, where a division, which gives s, takes less than a longer polynomial.

    ``log(1 + f) = 2 * atanh(s) = f - f**2 / 2 + s * (f**2 / 2 + ...)`` with ``s = f / (2 + f)``.
    """
    s, half = quotient(f, 2.0 + f), 0.5 * f
    z = s * s
    return fma(-half, f, fma(s, fma(z, polynomial(z, ATANH), half * f), more))


def log_parts(f, k):
    """``k * log(2) + log(1 + f)`` as two numbers."""
    log2, log2_rest = typed(f, SHORT_LOG2)
    whole = fma(k, log2, f)
    lacks = f - fma(-k, log2, whole)
    return whole, chosen(f, tail_single, tail_double)(f, fma(k, log2_rest, lacks))


def added(f, lacks, rest):
    """The second part of a logarithm, if f lacks something: a few digits of that will do."""
    one = type(f)(1)
    return fma(lacks, fma(f, f - one, one), rest)


def log(x):
    T = type(x)
    m, k = split(x)
    whole, rest = log_parts(m - T(1), k)
    found = select(x < T(inf), whole + rest, x)
    return select(x > T(0), found, select(x == T(0), T(-inf), T(nan)))


def log1p_parts(x):
    """``log(1 + x)`` as two numbers."""
    T = type(x)
    one = T(1)
    _, k = split(one + x)
    # 2**-k may be too small for a normal number.
    power = T(0.25) * power_of_two((typed(x, SHIFT) + T(2)) - k)
    f, lacks = increased(power - one, x, power)
    whole, rest = log_parts(f, k)
    return whole, added(f, lacks, rest)


def log1p(x):
    T = type(x)
    one = T(1)
    whole, rest = log1p_parts(x)
    found = select(x < T(inf), whole + rest, x)
    found = select(x > -one, found, select(x == -one, T(-inf), T(nan)))
    return select(abs(x) < typed(x, TINY), x, found)


def log1pmx(x):
    """``log(1 + x) - x``; near 0 the first part of the logarithm is x itself."""
    T = type(x)
    whole, rest = log1p_parts(x)
    difference, lacks = summed(whole, -x)
    found = select(x < T(inf), difference + (lacks + rest), -x)
    return select(x > -T(1), found, select(x == -T(1), T(-inf), T(nan)))


def log_ratio(x, y, difference):
    """``log(x / y)`` of numbers that are not negative, given their difference.

    Where they are alike it has all the digits of the difference, and no ratio overflows. ``log(1 + q)`` is
    ``log(u)`` of the rounded sum u, and the quotient of what u lacks and u.
    """
    T = type(x)
    one = T(1)
    rises = difference > T(0)
    above, below = select(rises, x, y), select(rises, y, x)
    q = quotient(abs(difference), below)
    near = q < T(2.0**60)
    u = one + q
    found = log(select(near, u, above)) - log(select(near, one, below))
    size = found + select(near, quotient(q - (u - one), u), T(0))
    return signed(size, difference)


def log1p_exp(x):
    total, rest, beyond = log1p_exp_parts(x)
    found = scaled(total + rest, beyond)
    return select(x < type(x)(inf), found, x)


def log1p_exp_parts(x):
    """``log(1 + exp(x))`` as two numbers, both to be scaled by the power of 2 with the third as exponent.

    It is ``max(x, 0) + log1p(exp(-abs(x)))``.
    """
    T = type(x)
    zero, one = T(0), T(1)
    _, number, number_lacks, power, beyond = small_exp(x)
    large = number * power > T(0.41421356)
    scale = select(large, T(0.5), one)
    power = power * scale
    f, lacks = increased(scale - one, number, power)
    whole, rest = log_parts(f, select(large, one, zero))
    rest = added(f, fma(number_lacks, power, lacks), rest)
    total, total_lacks = summed(select(x > zero, x, zero), whole)
    return total, total_lacks + rest, select(x < zero, beyond, zero)
