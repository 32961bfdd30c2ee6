"""Powers: the exponential of a product with a logarithm, which has twice the digits of its type.

How pow treats zeros, infinities and NaN is IEEE 754-2019, section 9.2.1.
"""

from math import inf, nan

from fastloss._math.coefficients import ATANH_REST, SHORT_LOG2, TWO_THIRDS, WHOLE
from fastloss._math.exponential import precise_exp
from fastloss._math.logarithm import split_any
from fastloss._math.primitives import fma, polynomial, quotient, select, signed, split, typed
from fastloss._math.sums import increased, joined, multiplied, rounded_product, summed


def precise_log(m, k):
    """``log(m * 2**k)`` of what `split` gives, and what it lacks.

    ``log(1 + f) = 2 * atanh(s) = s * (2 + z * (2 / 3 + z * ...))``, ``s = f / (2 + f)`` and ``z = s**2``. The
    higher the power of a term, the fewer of its digits count.
    """
    T = type(m)
    f = m - T(1)
    below, below_lacks = joined(T(2), f)
    reciprocal = quotient(T(1), below)
    s = rounded_product(f, reciprocal)
    s_lacks = fma(-s, below_lacks, fma(-s, below, f)) * reciprocal
    z, z_lacks = multiplied(s, s_lacks, s, s_lacks)
    first, first_lacks = typed(m, TWO_THIRDS)
    factor, factor_lacks = increased(first, z, polynomial(z, typed(m, ATANH_REST)))
    term, term_lacks = multiplied(z, z_lacks, factor, factor_lacks + first_lacks)
    log, log_lacks = increased(s + s, s, term)
    log_lacks = fma(s_lacks, T(2) + term, fma(s, term_lacks, log_lacks))
    log2, log2_rest = typed(m, SHORT_LOG2)
    found, lacks = joined(k * log2, log)  # k * log2 is exact
    return joined(found, fma(k, log2_rest, lacks + log_lacks))


def precise_log1p(x, x_lacks):
    """``log(1 + x + x_lacks)`` of a nonnegative number, and what it lacks."""
    whole, lost = summed(type(x)(1), x)
    log, lacks = precise_log(*split(whole))
    inverse = quotient(type(x)(1), whole)
    found, more = summed(log, rounded_product(lost, inverse))
    return found, more + fma(x_lacks, inverse, lacks)


def is_whole(x):
    """Whether a nonnegative number is an integer."""
    whole = typed(x, WHOLE)
    return select(x < whole, (x + whole) - whole, x) == x


def magnitude(x, y):
    """``x ** y`` for a nonnegative x."""
    T = type(x)
    log, log_lacks = precise_log(*split_any(x))
    log = select(x > T(0), select(x < T(inf), log, x), T(-inf))
    product = rounded_product(y, log)
    found = precise_exp(product, fma(y, log_lacks, fma(y, log, -product)))
    return select(x == T(1), x, found)


def pow(x, y):
    T = type(x)
    size, y_size = abs(x), abs(y)
    found = magnitude(size, y)
    whole = is_whole(y_size)
    odd = whole & (not is_whole(y_size * T(0.5)))
    found = select(odd, signed(found, x), found)
    found = select((x < T(0)) & (x > T(-inf)) & (not whole), T(nan), found)
    found = select(x == x, select(y == y, found, y), x)
    return select((x == T(1)) | (y == T(0)), T(1), found)
