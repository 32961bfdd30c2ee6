"""Polynomials and constants of elementary functions: for float32 and for float64, the lowest power first.

Written by ``python -m tools.minimax``, which says how they are found.
"""

import numpy as np

_f32 = np.float32


#: (exp(r) - 1 - r - r**2 / 2) / r**3 where abs(r) <= log(2) / 2; errors are relative to expm1(r).
#: At most 2**-30.73 in float32, 2**-61.31 in float64.
EXP = (
    (
        _f32(0.1666666567325592),
        _f32(0.04166649281978607),
        _f32(0.008333656936883926),
        _f32(0.00139320595189929),
        _f32(0.0001966828276636079),
    ),
    (
        0.16666666666666677,
        0.041666666666666685,
        0.00833333333332174,
        0.0013888888888900128,
        0.00019841269885193902,
        2.4801587248479694e-05,
        2.7557245647754556e-06,
        2.755736834537022e-07,
        2.5108406168892738e-08,
        2.087901319250747e-09,
    ),
)

#: (log(1 + f) - f + f**2 / 2) / f**3 where 1 + f is between the roots of 1/2 and 2; errors are relative to log(1 + f).
#: At most 2**-28.92 in float32.
LOG = (
    _f32(0.3333331346511841),
    _f32(-0.25000008940696716),
    _f32(0.20002029836177826),
    _f32(-0.1666795015335083),
    _f32(0.14222577214241028),
    _f32(-0.12409128993749619),
    _f32(0.11862556636333466),
    _f32(-0.11633718758821487),
    _f32(0.06754917651414871),
)

#: (2 * atanh(s) - 2 * s) / s**3 of s**2, s = f / (2 + f) for the same f; errors are relative to 2 * atanh(s).
#: At most 2**-58.38 in float64.
ATANH = (
    0.6666666666666734,
    0.39999999999417046,
    0.285714287419492,
    0.22222198609133398,
    0.18183562857491944,
    0.1531406661950789,
    0.1479620440793464,
)

#: 1 / log(2), log(2) in two parts, and what to add so that the last bits are an exponent.
REDUCTION = (
    (
        _f32(1.4426950216293335),
        _f32(0.6931471824645996),
        _f32(-1.9046542121259336e-09),
        _f32(12583039.0),
    ),
    (
        1.4426950408889634,
        0.6931471805599453,
        2.3190468138462996e-17,
        6755399441056767.0,
    ),
)

#: log(2) in two parts, of which exponents times the first are exact.
LOG2 = (
    (
        _f32(0.693145751953125),
        _f32(1.428606765330187e-06),
    ),
    (
        0.6931471805598903,
        5.497923018708371e-14,
    ),
)

#: where exp is 0 and infinite, where expm1 is -1, and below what sizes expm1(x) and log1p(x) are x.
LIMITS = (
    (
        _f32(-104.0),
        _f32(89.0),
        _f32(-20.0),
        _f32(1.4901161193847656e-08),
    ),
    (
        -746.0,
        710.0,
        -40.0,
        2.7755575615628914e-17,
    ),
)
