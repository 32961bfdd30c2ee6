"""Polynomials, the lowest power first, and constants of elementary functions, in each type.

Written by ``python -m tools.minimax``, which says how they are found.
"""

import numpy as np

_f32 = np.float32


#: (exp(r) - 1 - r - r**2 / 2) / r**3 where abs(r) <= log(2) / 2; relative to expm1(r). Errors are at
#: most 2**-26.08 in float32 and 2**-61.31 in float64.
EXP = (
    (
        _f32(0.1666654795408249),
        _f32(0.041666824370622635),
        _f32(0.008366146124899387),
        _f32(0.0013901949860155582),
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

#: (log(1 + f) - f + f**2 / 2) / f**3, 1 + f between roots of 1/2 and 2; relative to log(1 + f). Errors
#: are at most 2**-28.92 in float32.
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

#: (2 * atanh(s) - 2 * s) / s**3 of s**2, s = f / (2 + f), the same f; relative to 2 * atanh(s). Errors
#: are at most 2**-58.38 in float64.
ATANH = (
    0.6666666666666734,
    0.39999999999417046,
    0.285714287419492,
    0.22222198609133398,
    0.18183562857491944,
    0.1531406661950789,
    0.1479620440793464,
)

#: The same of s at most 1 / 3. Errors are at most 2**-27.69 in float32 and 2**-63.14 in float64.
ATANH_THIRD = (
    (
        _f32(0.6666641235351562),
        _f32(0.40021833777427673),
        _f32(0.27995797991752625),
        _f32(0.280456006526947),
    ),
    (
        0.6666666666666667,
        0.3999999999999526,
        0.28571428572456137,
        0.222222221195176,
        0.18181823838852804,
        0.15384426169517806,
        0.13337376155692304,
        0.11708462365546402,
        0.11030807880041653,
        0.06746012109896675,
        0.16914824425577252,
    ),
)

#: (2 * atanh(s) - 2 * s - 2 / 3 * s**3) / s**5 of the same s**2; relative to 2 * atanh(s). Errors are
#: at most 2**-36.77 in float32 and 2**-71.69 in float64.
ATANH_REST = (
    (
        _f32(0.40000152587890625),
        _f32(0.2854708433151245),
        _f32(0.23419806361198425),
    ),
    (
        0.3999999999999998,
        0.28571428571443835,
        0.2222222221779191,
        0.1818181884365847,
        0.1538455836703242,
        0.13336274164094464,
        0.11675368761769837,
        0.11987365094501494,
    ),
)

#: 1 / log(2).
PER_LOG2 = (_f32(1.4426950216293335), 1.4426950408889634)

#: log(2) in two parts, the first of which is the nearest number.
NEAREST_LOG2 = (
    (
        _f32(0.6931471824645996),
        _f32(-1.9046542121259336e-09),
    ),
    (
        0.6931471805599453,
        2.3190468138462996e-17,
    ),
)

#: log(2) in two parts, of which every exponent times the first is exact.
SHORT_LOG2 = (
    (
        _f32(0.693145751953125),
        _f32(1.428606765330187e-06),
    ),
    (
        0.6931471805598903,
        5.497923018708371e-14,
    ),
)

#: 2 / 3 in two parts.
TWO_THIRDS = (
    (
        _f32(0.6666666865348816),
        _f32(-1.9868215517249155e-08),
    ),
    (
        0.6666666666666666,
        3.700743415417188e-17,
    ),
)

#: What a whole number is added to so that the last bits are the exponent of that power of 2.
SHIFT = (_f32(12583039.0), 6755399441056767.0)

#: A quotient above the inverse of the first number may overflow. Its operands are then multiplied by
#: the next two, and the last corrects the exponent of the result.
APART = (
    (
        _f32(7.888609052210118e-31),
        _f32(5.421010862427522e-20),
        _f32(7.737125245533627e25),
        _f32(150.0),
    ),
    (
        1.1830521861667747e-271,
        7.458340731200207e-155,
        1.2842128665889584e207,
        1200.0,
    ),
)

#: The least positive number that is not subnormal.
NORMAL = (_f32(1.1754943508222875e-38), 2.2250738585072014e-308)

#: WHOLE is 2 to this power.
DIGITS = (_f32(23.0), 52.0)

#: From here on all numbers are whole.
WHOLE = (_f32(8388608.0), 4503599627370496.0)

#: Below, expm1(x) and log1p(x) are x.
TINY = (_f32(1.4901161193847656e-08), 2.7755575615628914e-17)

#: Here exp(x) rounds to 0.
EXP_LOW = (_f32(-104.0), -746.0)

#: Here exp(x) overflows.
EXP_HIGH = (_f32(89.0), 710.0)

#: Here expm1(x) rounds to -1.
EXPM1_LOW = (_f32(-20.0), -40.0)
