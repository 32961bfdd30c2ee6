"""Logarithms.

``x = m * 2**k`` with m between the roots of 1/2 and 2, so that ``log(x) = k * log(2) + log(m)``: J.-M. Muller,
"Elementary Functions", 3rd edition, Birkhaeuser 2016, chapter 11. What a number lacks is kept beside it in a
second one, and added last.
"""

from math import inf, nan

from fastloss._math.coefficients import ATANH, LIMITS, LOG, LOG2
from fastloss._math.exponential import exp_parts, joined, limited, scaled, shift_of, summed
from fastloss._math.primitives import chosen, fma, polynomial, power_of_two, quotient, select, split, typed


def tail_single(f):
    """``log(1 + f) - f`` of a float32."""
    return fma(f * type(f)(-0.5), f, f * f * f * polynomial(f, LOG))


def tail_double(f):
    """``log(1 + f) - f`` of a float64, where the division by which s is found costs less than a longer polynomial."""
    s = quotient(f, 2.0 + f)
    z = s * s
    return fma(-0.5 * f, f, s * fma(z, polynomial(z, ATANH), 0.5 * f * f))


def log_parts(f, lacks, k):
    """``k * log(2) + log(1 + f + lacks)`` as two numbers."""
    one = type(f)(1)
    log2, log2_rest = typed(f, LOG2)
    whole = fma(k, log2, f)
    rest = f - fma(-k, log2, whole)
    tail = fma(lacks, fma(f, f - one, one), chosen(f, tail_single, tail_double)(f))
    return whole, tail + fma(k, log2_rest, rest)


def log(x):
    T = type(x)
    m, k = split(x)
    whole, rest = log_parts(m - T(1), T(0), k)
    found = select(x < T(inf), whole + rest, x)
    return select(x > T(0), found, select(x == T(0), T(-inf), T(nan)))


def log1p(x):
    T = type(x)
    one, shift = T(1), shift_of(x)
    _, _, _, tiny, _ = typed(x, LIMITS)
    _, k = split(one + x)
    # 2**-k may be too small for a normal number.
    power = T(0.25) * power_of_two((shift + T(2)) - k)
    start = power - one
    f = fma(x, power, start)
    whole, rest = log_parts(f, fma(x, power, start - f), k)
    found = select(x < T(inf), whole + rest, x)
    found = select(x > -one, found, select(x == -one, T(-inf), T(nan)))
    return select(abs(x) < tiny, x, found)


def log1p_exp(x):
    """``max(x, 0) + log1p(exp(-abs(x)))``."""
    T = type(x)
    zero, half, one, shift = T(0), T(0.5), T(1), shift_of(x)
    low, _, far, _, _ = typed(x, LIMITS)
    k, whole, rest = exp_parts(limited(-abs(x), low, zero), zero)
    above, above_lacks = joined(whole, rest)
    near = select(k < far + far, far + far, k)
    power = power_of_two(near + shift)
    large = above * power > T(0.41421356)
    scale = select(large, half, one)
    power = power * scale
    start = scale - one
    f = fma(above, power, start)
    lacks = fma(above_lacks, power, fma(above, power, start - f))
    whole, rest = log_parts(f, lacks, select(large, one, zero))
    positive = select(x > zero, x, zero)
    total, total_lacks = summed(positive, whole)
    found = scaled(total + (total_lacks + rest), select(x < zero, k - near, zero))
    return select(x < T(inf), found, x + x)
