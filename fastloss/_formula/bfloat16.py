"""bfloat16 in LLVM: the upper half of a float32, on the CPU and on CUDA devices of any age."""

from typing import Any

from llvmlite import ir

_I16, _I32, _I64 = ir.IntType(16), ir.IntType(32), ir.IntType(64)
_FLOAT, _DOUBLE = ir.FloatType(), ir.DoubleType()


def widened(builder: Any, bits: Any) -> Any:
    """A bfloat16, given as its bits, as a float32."""
    return builder.bitcast(builder.shl(builder.zext(bits, _I32), _I32(16)), _FLOAT)


def narrowed(builder: Any, value: Any) -> Any:
    """The bits of the bfloat16 that is nearest to a float32 or float64, with ties to even."""
    if value.type == _DOUBLE:
        value = to_odd(builder, value)
    bits = builder.bitcast(value, _I32)
    odd = builder.and_(builder.lshr(bits, _I32(16)), _I32(1))
    rounded = builder.add(builder.add(bits, _I32(0x7FFF)), odd)  # beyond the largest number, infinity
    quiet = builder.or_(bits, _I32(0x400000))  # rounded, a NaN could become infinity or 0
    found = builder.select(builder.fcmp_unordered("uno", value, value), quiet, rounded)
    return builder.trunc(builder.lshr(found, _I32(16)), _I16)


def to_odd(builder: Any, value: Any) -> Any:
    """A float64 rounded to odd as float32: towards zero, with the last bit set if that is inexact.

    Rounding the result again, to fewer bits, then gives what rounding once would (Boldo and Melquiond,
    2008, "Emulation of FMA and correctly rounded sums: proved algorithms using rounding to odd").
    """
    near = builder.fptrunc(value, _FLOAT)
    back = builder.fpext(near, _DOUBLE)
    magnitudes = [builder.and_(builder.bitcast(x, _I64), _I64((1 << 63) - 1)) for x in (back, value)]
    beyond = builder.icmp_unsigned(">", *magnitudes)
    inexact = builder.fcmp_ordered("!=", back, value)
    bits = builder.sub(builder.bitcast(near, _I32), builder.zext(beyond, _I32))
    bits = builder.or_(bits, builder.zext(inexact, _I32))
    return builder.select(inexact, builder.bitcast(bits, _FLOAT), near)
