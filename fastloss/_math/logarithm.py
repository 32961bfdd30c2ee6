"""Logarithms.

``x = m * 2**k`` with m between the roots of 1/2 and 2, so that ``log(x) = k * log(2) + log(m)``:
J.-M. Muller, "Elementary Functions", 3rd edition, Birkhaeuser 2016, chapter 11.
"""

from math import inf, nan

from fastloss._math.coefficients import (
    APART,
    ATANH,
    ATANH_THIRD,
    DIGITS,
    LOG,
    NORMAL,
    SHIFT,
    SHORT_LOG2,
    TINY,
    WHOLE,
)
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
    """``log(1 + f) - f + more`` for a float32."""
    return fma(f * type(f)(-0.5), f, fma(f * f * f, polynomial(f, LOG), more))


def tail_double(f, more):
    """The same for a float64, where a division, which gives s, takes less time than a longer polynomial.

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


def twice_atanh(s):
    """``2 * atanh(s) = log((1 + s) / (1 - s))`` of s between -1/3 and 1/3, rounded little more than once.

    With ``s = x / (2 + x)`` it is ``log(1 + x)`` of x between -1/2 and 1.
    """
    z = s * s
    return fma(s * z, polynomial(z, typed(s, ATANH_THIRD)), s + s)


def added(f, lacks, rest):
    """The second part of a logarithm if f lacks something, of which a few digits are enough."""
    one = type(f)(1)
    return fma(lacks, fma(f, f - one, one), rest)


def log(x):
    T = type(x)
    found = select(x < T(inf), scaled_log(*split_any(x), T(0)), x)
    return select(x > T(0), found, select(x == T(0), T(-inf), T(nan)))


def split_any(x):
    """What `split` gives, of a positive number that may be subnormal."""
    small = x < typed(x, NORMAL)
    m, k = split(select(small, x * typed(x, WHOLE), x))
    return m, k - select(small, typed(x, DIGITS), type(x)(0))


def scaled_log(m, k, more):
    """``log(m * 2**k) + more``."""
    log2, log2_rest = typed(m, SHORT_LOG2)
    f = m - type(m)(1)
    return fma(k, log2, f + chosen(f, tail_single, tail_double)(f, fma(k, log2_rest, more)))


def log_normal(x):
    """``log(x)`` of a normal number that is positive, or infinity."""
    return select(x < type(x)(inf), scaled_log(*split(x), type(x)(0)), x)


def log1p_parts(x):
    """``log(1 + x)`` as two numbers."""
    whole, rest, _ = log1p_and_slope(x)
    return whole, rest


def log1p_and_slope(x):
    """``log(1 + x)`` as two numbers, and ``1 / (1 + x)`` to a few digits."""
    one = type(x)(1)
    _, k = split(one + x)
    # 2**-k may be too small for a normal number.
    power = type(x)(0.25) * power_of_two((typed(x, SHIFT) + type(x)(2)) - k)
    f, lacks = increased(power - one, x, power)
    whole, rest = log_parts(f, k)
    return whole, added(f, lacks, rest), power * fma(f, f - one, one)


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
    """``log(x / y)`` of nonnegative numbers, computed from their difference with all of its digits."""
    zero = type(x)(0)
    below = select(difference > zero, y, x)
    found = log1p_quotient(abs(difference), zero, below, zero)
    return signed(select(below > zero, found, type(x)(inf)), difference)


def log1p_ratio(x, y):
    """``log((1 + x) / (1 + y))`` of numbers above -1."""
    rises = x > y
    high, low = select(rises, x, y), select(rises, y, x)
    found = log1p_quotient(*summed(high, -low), *summed(type(x)(1), low))
    return select(rises, found, -found)


def log1p_quotient(x, x_lacks, y, y_lacks):
    """``log(1 + (x + x_lacks) / (y + y_lacks))`` for a positive y; no quotient overflows.

    ``log(1 + q)`` is ``log(u)``, where u is the rounded sum, plus what q and u lack divided by u.
    """
    zero, one = type(x)(0), type(x)(1)
    limit, less, more, power = typed(x, APART)
    far = x * limit > y  # so that 1 is negligible beside the quotient
    q = quotient(select(far, x * less, x), select(far, y * more, y))
    u = select(far, q, one + q)
    rest = fma(-q, y_lacks, fma(-q, y, x) + x_lacks)
    lacks = quotient(fma(q - (u - one), y, rest), y * u)
    m, k = split(u)
    return scaled_log(m, k + select(far, power, zero), select(far, zero, lacks))


def log1p_exp(x):
    """``max(x, 0) + log(1 + exp(-abs(x)))``."""
    T = type(x)
    zero, one = T(0), T(1)
    k, number, number_lacks, power, _ = small_exp(x)
    small = scaled(number + number_lacks, k)
    large = small > T(0.41421356)
    scale = select(large, T(0.5), one)
    power = power * scale
    f, lacks = increased(scale - one, number, power)
    whole, rest = log_parts(f, select(large, one, zero))
    rest = added(f, fma(number_lacks, power, lacks), rest)
    total, total_lacks = summed(select(x > zero, x, zero), whole)
    found = select((x < zero) & (small < typed(x, TINY)), small, total + (total_lacks + rest))
    return select(x < T(inf), found, x)
