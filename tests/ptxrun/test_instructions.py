"""Each instruction against Python integers and IEEE arithmetic."""

import operator
import struct

import numpy as np
import pytest
from numba import types, uint32

from tests import ptxrun

M32, M64 = 2**32 - 1, 2**64 - 1
EDGES = [0, 1, 2, 31, 32, 63, 255, 0x7FFFFFFF, 0x80000000, M32, 0x123456789ABCDEF0, 2**63 - 1, 2**63, M64]


def signed(x, bits):
    x &= 2**bits - 1
    return x - 2**bits if x >> (bits - 1) else x


def as_float(bits):
    return np.frombuffer(struct.pack("<I", bits & M32), "f4")[0]


def truncated(x, y):
    return abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)


def float_operation(operation):
    def apply(x, y, z):
        with np.errstate(all="ignore"):
            result = np.float32(operation(as_float(x), as_float(y), as_float(z)))
        return 0x7FFFFFFF if np.isnan(result) else int(result.view("u4"))

    return apply


def half_bits(x):
    with np.errstate(all="ignore"):
        half = np.float16(x)
    return 0x7FFF if np.isnan(half) else int(half.view("u2"))


def half_operation(operation):
    def apply(x, y, z):
        with np.errstate(all="ignore"):
            return half_bits(operation(*(np.uint16(v & 0xFFFF).view("f2") for v in (x, y))))

    return apply


def larger(x, y, _):
    if np.isnan(x) or np.isnan(y):
        return y if np.isnan(x) else x
    return y if x < y or (x == y and np.signbit(x)) else x


INSTRUCTIONS = {
    "add.s32 %r4, %r1, %r2;": lambda x, y, z: x + y & M32,
    "sub.s64 %d4, %d1, %d2;": lambda x, y, z: x - y & M64,
    "mul.lo.s32 %r4, %r1, %r2;": lambda x, y, z: x * y & M32,
    "mul.hi.s32 %r4, %r1, %r2;": lambda x, y, z: signed(x, 32) * signed(y, 32) >> 32 & M32,
    "mul.hi.u64 %d4, %d1, %d2;": lambda x, y, z: x * y >> 64,
    "mul.wide.s32 %d4, %r1, %r2;": lambda x, y, z: signed(x, 32) * signed(y, 32) & M64,
    "mad.lo.s64 %d4, %d1, %d2, %d3;": lambda x, y, z: x * y + z & M64,
    "mad.wide.u32 %d4, %r1, %r2, %d3;": lambda x, y, z: (x & M32) * (y & M32) + z & M64,
    "div.u32 %r4, %r1, %r2;": lambda x, y, z: (x & M32) // (y & M32) if y & M32 else M32,
    "div.s32 %r4, %r1, %r2;": lambda x, y, z: (
        truncated(signed(x, 32), signed(y, 32)) & M32 if y & M32 else M32
    ),
    "rem.s64 %d4, %d1, %d2;": lambda x, y, z: (
        signed(x, 64) - signed(y, 64) * truncated(signed(x, 64), signed(y, 64)) & M64 if y else x
    ),
    "min.s32 %r4, %r1, %r2;": lambda x, y, z: min(signed(x, 32), signed(y, 32)) & M32,
    "max.u64 %d4, %d1, %d2;": lambda x, y, z: max(x, y),
    "abs.s32 %r4, %r1;": lambda x, y, z: abs(signed(x, 32)) & M32,
    "neg.s64 %d4, %d1;": lambda x, y, z: -x & M64,
    "add.cc.u32 %r4, %r1, %r2; addc.u32 %r4, %r3, 0;": lambda x, y, z: (
        (z + ((x & M32) + (y & M32) >> 32)) & M32
    ),
    "sub.cc.u32 %r4, %r1, %r2; subc.u32 %r4, %r3, 0;": lambda x, y, z: z - ((x & M32) < (y & M32)) & M32,
    "mad.lo.cc.u32 %r4, %r1, %r2, %r3; madc.hi.u32 %r4, %r1, %r2, 0;": lambda x, y, z: (
        (x & M32) * (y & M32) + (z & M32) >> 32 & M32
    ),
    "and.b64 %d4, %d1, %d2;": lambda x, y, z: x & y,
    "not.b32 %r4, %r1;": lambda x, y, z: ~x & M32,
    "lop3.b32 %r4, %r1, %r2, %r3, 0x6a;": lambda x, y, z: (z ^ (x & y)) & M32,
    "prmt.b32 %r4, %r1, %r2, 0x5410;": lambda x, y, z: x & 0xFFFF | (y & 0xFFFF) << 16,
    "shl.b32 %r4, %r1, %r2;": lambda x, y, z: x << (y & M32) & M32 if y & M32 < 32 else 0,
    "shr.s32 %r4, %r1, %r2;": lambda x, y, z: signed(x, 32) >> min(y & M32, 31) & M32,
    "shr.u64 %d4, %d1, %r2;": lambda x, y, z: x >> (y & M32) if y & M32 < 64 else 0,
    "shf.l.wrap.b32 %r4, %r1, %r2, %r3;": lambda x, y, z: ((y & M32) << 32 | x & M32) << (z & 31) >> 32 & M32,
    "bfe.u32 %r4, %r1, 4, 8;": lambda x, y, z: x >> 4 & 255,
    "bfe.s32 %r4, %r1, 4, 8;": lambda x, y, z: signed(x >> 4, 8) & M32,
    "bfi.b32 %r4, %r1, %r2, 4, 8;": lambda x, y, z: y & M32 & ~0xFF0 | (x & 255) << 4,
    "brev.b32 %r4, %r1;": lambda x, y, z: int(f"{x & M32:032b}"[::-1], 2),
    "popc.b64 %r4, %d1;": lambda x, y, z: x.bit_count(),
    "clz.b64 %r4, %d1;": lambda x, y, z: 64 - x.bit_length(),
    "bfind.u32 %r4, %r1;": lambda x, y, z: (x & M32).bit_length() - 1 & M32,
    "bfind.s64 %r4, %d1;": lambda x, y, z: (signed(x, 64) ^ signed(x, 64) >> 63).bit_length() - 1 & M32,
    "setp.lt.s32 %p1, %r1, %r2; selp.b32 %r4, 1, 0, %p1;": lambda x, y, z: signed(x, 32) < signed(y, 32),
    "setp.hi.and.u32 %p1|%p2, %r1, %r2, %p3; selp.b32 %r4, 1, 0, %p2;": lambda x, y, z: (
        (x & M32) <= (y & M32) and z & M32 != 0
    ),
    "setp.ltu.f32 %p1, %f1, %f2; selp.b32 %r4, 1, 0, %p1;": lambda x, y, z: not as_float(x) >= as_float(y),
    "cvt.s64.s32 %d4, %r1;": lambda x, y, z: signed(x, 32) & M64,
    "cvt.u32.u8 %r4, %r1;": lambda x, y, z: x & 255,
    "cvt.s32.s16 %r4, %r1;": lambda x, y, z: signed(x, 16) & M32,
    "cvt.rn.f32.u64 %f4, %d1;": lambda x, y, z: int(np.float32(x).view("u4")),
    "cvt.rn.bf16.f32 %h1, %f1; cvt.u32.u16 %r4, %h1;": lambda x, y, z: (
        0x7FFF if np.isnan(as_float(x)) else ((x & M32) + 0x7FFF + (x >> 16 & 1) & M32) >> 16
    ),
    "cvt.rzi.s32.f32 %r4, %f1;": lambda x, y, z: (
        0 if np.isnan(as_float(x)) else int(np.clip(np.trunc(float(as_float(x))), -(2**31), 2**31 - 1)) & M32
    ),
    "add.f32 %f4, %f1, %f2;": float_operation(lambda x, y, z: x + y),
    "sub.f32 %f4, %f1, %f2;": float_operation(lambda x, y, z: x - y),
    "mul.f32 %f4, %f1, %f2;": float_operation(lambda x, y, z: x * y),
    "div.rn.f32 %f4, %f1, %f2;": float_operation(lambda x, y, z: x / y),
    "sqrt.rn.f32 %f4, %f1;": float_operation(lambda x, y, z: np.sqrt(x)),
    "abs.ftz.f32 %f4, %f1; add.f32 %f4, %f4, 0f00000000;": float_operation(
        lambda x, y, z: abs(x) if abs(x) >= np.float32(2.0**-126) else 0 * x if np.isnan(x) else 0
    ),
    "max.f32 %f4, %f1, %f2;": float_operation(larger),
    "copysign.f32 %f4, %f1, %f2; add.f32 %f4, %f4, 0f3F800000;": float_operation(
        lambda x, y, z: np.copysign(y, x) + np.float32(1)
    ),
    "add.f16 %h1, %h1, %h2; cvt.u32.u16 %r4, %h1;": half_operation(lambda x, y: x + y),
    "mul.f16 %h1, %h1, %h2; cvt.u32.u16 %r4, %h1;": half_operation(lambda x, y: x * y),
    "cvt.rn.f16x2.f32 %r4, %f1, %f2;": lambda x, y, z: half_bits(as_float(x)) << 16 | half_bits(as_float(y)),
    "cvt.rni.f32.f32 %f4, %f1;": float_operation(lambda x, y, z: np.rint(x)),
    "cvt.sat.f32.f32 %f4, %f1;": lambda x, y, z: (
        0 if np.isnan(as_float(x)) else int(np.clip(as_float(x), 0, 1).view("u4")) & 0x7FFFFFFF
    ),
    "testp.infinite.f32 %p1, %f1; selp.b32 %r4, 1, 0, %p1;": lambda x, y, z: np.isinf(as_float(x)),
    "set.gt.u32.s32 %r4, %r1, %r2;": lambda x, y, z: M32 if signed(x, 32) > signed(y, 32) else 0,
    "slct.b32.s32 %r4, %r1, %r2, %r3;": lambda x, y, z: (x if signed(z, 32) >= 0 else y) & M32,
    "mov.b64 {%r4, %r5}, %d1; mov.b64 %d4, {%r5, %r4};": lambda x, y, z: x >> 32 | (x & M32) << 32,
    "not.pred %p1, %p3; selp.b32 %r4, 1, 0, %p1;": lambda x, y, z: z & M32 == 0,
    "@%p3 mov.b32 %r4, %r1; @!%p3 mov.b32 %r4, %r2;": lambda x, y, z: (x if z & M32 else y) & M32,
    "selp.f32 %f4, %f1, %f2, %p3;": lambda x, y, z: (x if z & M32 else y) & M32,
}


def compared(test, ordered):
    def apply(x, y, z):
        x, y = as_float(x), as_float(y)
        unordered = np.isnan(x) or np.isnan(y)
        return not ordered if unordered else test(x, y)

    return apply


def add_comparisons():
    for name in ("eq", "ne", "lt", "le", "gt", "ge"):
        for suffix, ordered in (("", True), ("u", False)):
            text = f"setp.{name}{suffix}.f32 %p1, %f1, %f2; selp.b32 %r4, 1, 0, %p1;"
            INSTRUCTIONS[text] = compared(getattr(operator, name), ordered)
    for name, answer in (("num", True), ("nan", False)):
        text = f"setp.{name}.f32 %p1, %f1, %f2; selp.b32 %r4, 1, 0, %p1;"
        INSTRUCTIONS[text] = compared(lambda x, y, answer=answer: answer, answer)


add_comparisons()


def instruction_ptx():
    """A kernel that applies every entry of INSTRUCTIONS to three values and stores the results."""
    lines = []
    for number, text in enumerate(INSTRUCTIONS):
        wide, narrow = "%d4" in text, "%r4" if "%r4" in text else "%f4"
        lines.append("mov.b32 %r4, 0; mov.f32 %f4, 0f00000000; mov.b32 %f1, %r1; mov.b32 %f2, %r2;")
        lines.append(f"cvt.u16.u32 %h1, %r1; cvt.u16.u32 %h2, %r2; {text}")
        lines.append(f"{'mov.b64 %d5, %d4' if wide else f'mov.b32 %r5, {narrow}; cvt.u64.u32 %d5, %r5'};")
        lines.append(f"st.global.u64 [%d7 + {8 * number}], %d5;")
    return (
        """.version 8.0
.target sm_80
.address_size 64
.visible .entry all(.param .u64 from, .param .u64 to) {
    .reg .b16 %h<3>; .reg .b32 %r<9>; .reg .f32 %f<5>; .reg .b64 %d<9>; .reg .pred %p<4>;
    ld.param.u64 %d6, [from]; ld.param.u64 %d7, [to];
    mov.u32 %r6, %tid.x; mad.wide.u32 %d6, %r6, 24, %d6; mad.wide.u32 %d7, %r6, """
        + f"""{8 * len(INSTRUCTIONS)}, %d7;
    ld.global.u64 %d1, [%d6]; ld.global.u64 %d2, [%d6 + 8]; ld.global.u64 %d3, [%d6 + 16];
    cvt.u32.u64 %r1, %d1; cvt.u32.u64 %r2, %d2; cvt.u32.u64 %r3, %d3; setp.ne.u32 %p3, %r3, 0;
    {" ".join(lines)}
    ret;
}}
"""
    )


def test_instructions_one_by_one():
    rng = np.random.default_rng(0)
    floats = [
        0x3F800000,
        0xBF800000,
        0x7F800000,
        0xFF800000,
        0x7FC00000,
        1,
        0x80000001,
        0x4B800000,
        0x3F7FFFFF,
    ]
    pool = np.array(EDGES + floats, "u8")
    random = rng.integers(0, 2**63, (400, 3)).astype("u8") * 2 + rng.integers(0, 2, (400, 3)).astype("u8")
    triples = np.vstack([rng.choice(pool, (600, 3)), random])
    out = np.zeros((len(triples), len(INSTRUCTIONS)), "u8")
    pointer = types.CPointer(types.uint64)
    ptxrun.load(instruction_ptx(), (pointer, pointer))[1, len(triples)](triples, out)
    for column, (text, expected) in enumerate(INSTRUCTIONS.items()):
        for (x, y, z), got in zip(triples.tolist(), out[:, column].tolist()):
            assert got == int(expected(x, y, z)), (text, hex(x), hex(y), hex(z))


ATOMICS = {
    "add.u32": lambda old, x: old + x & M32,
    "min.s32": lambda old, x: min(signed(old, 32), signed(x, 32)) & M32,
    "max.u32": max,
    "and.b32": operator.and_,
    "or.b32": operator.or_,
    "xor.b32": operator.xor,
    "exch.b32": lambda old, x: x,
    "inc.u32": lambda old, x: 0 if old >= x else old + 1,
    "dec.u32": lambda old, x: x if old == 0 or old > x else old - 1,
}


def test_atomics_one_by_one():
    lines = [f"atom.global.{op} %r3, [%d1 + {4 * i}], %r2; " for i, op in enumerate(ATOMICS)]
    ptx = f""".version 8.0
.target sm_80
.address_size 64
.entry e(.param .u64 cells, .param .u32 x) {{ .reg .b32 %r<4>; .reg .b64 %d<2>;
    ld.param.u64 %d1, [cells]; ld.param.u32 %r2, [x]; {"".join(lines)}
    atom.shared::cta.cas.b32 %r3, [%d1], 1, 2; ret; }}"""
    with pytest.raises(ptxrun.Unsupported, match="shared::cta"):
        ptxrun.load(ptx, (types.CPointer(uint32), uint32))
    run = ptxrun.load(ptx.replace("shared::cta", "global"), (types.CPointer(uint32), uint32))
    for old in (0, 1, 5, 0x80000000, M32):
        for x in (0, 1, 5, 7, 0x80000000, M32):
            cells = np.full(len(ATOMICS), old, "u4")
            run[1, 1](cells, x)
            expected = [operation(old, x) for operation in ATOMICS.values()]
            expected[0] = 2 if expected[0] == 1 else expected[0]
            assert cells.tolist() == expected
