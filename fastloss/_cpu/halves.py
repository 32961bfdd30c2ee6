"""float16 in LLVM, on processors with and without instructions for it.

Without such instructions, LLVM calls functions of a library that Numba does not have. The same goes for the
conversion from float64 to float16, which no x86 processor does in one step.
"""

from functools import cache
from typing import Any

from llvmlite import ir

from fastloss._compile import numba_internals
from fastloss._formula.bfloat16 import to_odd

_I16, _I32 = ir.IntType(16), ir.IntType(32)
_HALF, _FLOAT, _DOUBLE = ir.HalfType(), ir.FloatType(), ir.DoubleType()


@cache
def has_instructions() -> bool:
    """Whether the processor that code is compiled for converts between float16 and float32."""
    triple, _, features = numba_internals.processor()
    return "+f16c" in features or str(triple).startswith(("aarch64", "arm64"))


def widened(builder: Any, bits: Any) -> Any:
    """A float16, given as its bits, as a float32."""
    if has_instructions():
        return builder.fpext(builder.bitcast(bits, _HALF), _FLOAT)
    wide = builder.zext(bits, _I32)
    magnitude = builder.shl(builder.and_(wide, _I32(0x7FFF)), _I32(13))
    scaled = builder.fmul(builder.bitcast(magnitude, _FLOAT), ir.Constant(_FLOAT, 2.0**112))
    special = builder.icmp_unsigned(">=", magnitude, _I32(0x7C00 << 13))
    infinite = builder.or_(magnitude, _I32(0x7F800000))
    found = builder.select(special, infinite, builder.bitcast(scaled, _I32))
    sign = builder.shl(builder.and_(wide, _I32(0x8000)), _I32(16))
    return builder.bitcast(builder.or_(found, sign), _FLOAT)


def narrowed(builder: Any, value: Any) -> Any:
    """The bits of the float16 that is nearest to a float32 or float64."""
    if value.type == _DOUBLE:
        value = to_odd(builder, value)
    if has_instructions():
        return builder.bitcast(builder.fptrunc(value, _HALF), _I16)
    bits = builder.bitcast(value, _I32)
    magnitude = builder.and_(bits, _I32(0x7FFFFFFF))
    is_nan = builder.icmp_unsigned(">", magnitude, _I32(0x7F800000))
    found = builder.select(is_nan, _I32(0x7E00), _I32(0x7C00))  # NaN, infinity
    found = builder.select(
        builder.icmp_unsigned("<", magnitude, _I32(0x47800000)), _finite(builder, magnitude), found
    )
    sign = builder.lshr(builder.and_(bits, _I32(-(1 << 31))), _I32(16))
    return builder.trunc(builder.or_(found, sign), _I16)


def _finite(builder: Any, magnitude: Any) -> Any:
    """The bits of a float16 from those of a float32 below 65536, with ties to even."""
    half = ir.Constant(_FLOAT, 0.5)  # its last place is that of a subnormal float16: the addition rounds
    shifted = builder.bitcast(builder.fadd(builder.bitcast(magnitude, _FLOAT), half), _I32)
    subnormal = builder.sub(shifted, builder.bitcast(half, _I32))
    odd = builder.and_(builder.lshr(magnitude, _I32(13)), _I32(1))
    rounded = builder.add(builder.add(magnitude, _I32(0xC8000FFF - (1 << 32))), odd)
    is_subnormal = builder.icmp_unsigned("<", magnitude, _I32(0x38800000))
    return builder.select(is_subnormal, subnormal, builder.lshr(rounded, _I32(13)))
