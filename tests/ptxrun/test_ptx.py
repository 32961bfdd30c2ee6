"""PTX written by hand: predicated vectors, directed rounding, and what is refused before the launch."""

from fractions import Fraction

import numpy as np
import pytest
from numba import float32, float64, types, uint32

from tests import ptxrun

from .kernels import F4, add, compiled, normal

PREDICATED_VECTORS = """.version 8.0
.target sm_80
.address_size 64
.entry e(.param .u64 from, .param .u64 to, .param .u64 sum, .param .u32 n) {
    .reg .f32 %f<5>; .reg .f64 %d<3>; .reg .b64 %a<4>; .reg .b32 %r<3>; .reg .pred %p1;
    ld.param.u64 %a1, [from]; ld.param.u64 %a2, [to]; ld.param.u64 %a3, [sum]; ld.param.u32 %r1, [n];
    mov.u32 %r2, %tid.x; mad.wide.u32 %a1, %r2, 16, %a1; mad.wide.u32 %a2, %r2, 16, %a2;
    setp.lt.u32 %p1, %r2, %r1;
    @%p1 ld.global.nc.L1::no_allocate.v4.f32 {%f1, %f2, %f3, %f4}, [%a1];
    @%p1 cvt.f64.f32 %d1, %f1;
    @%p1 cvt.f64.f32 %d2, %f4;
    @%p1 st.global.v2.f64 [%a2], {%d1, %d2};
    @%p1 red.global.add.f64 [%a3], %d1;
    @!%p1 ret;
    fence.acq_rel.gpu;
    ret;
}
"""


def test_predicated_vectors_and_reductions():
    signature = (types.CPointer(float32), types.CPointer(float64), types.CPointer(float64), uint32)
    run = ptxrun.load(PREDICATED_VECTORS, signature)
    values, out, total = np.arange(40, dtype="f4"), np.zeros((10, 2)), np.zeros(1)
    stats = run[1, 64](values, out, total, 10, stats=True)
    assert np.array_equal(out, values.reshape(10, 4)[:, [0, 3]]) and total[0] == values[::4].sum()
    assert (stats.loads.accesses, stats.stores.accesses, stats.atomics.accesses) == (
        {16: 10},
        {16: 10},
        {8: 10},
    )
    with pytest.raises(ptxrun.PtxError, match="out-of-bounds global load"):
        run[1, 64](values, out, total, 11)


ROUNDED_DOWN = {"rm": lambda exact: True, "rp": lambda exact: False, "rz": lambda exact: exact > 0}


def directed(exact, mode):
    """The float32 next to an exact fraction, in the direction of .rm, .rp or .rz."""
    nearest, down = np.float32(float(exact)), ROUNDED_DOWN[mode](exact)
    if Fraction(float(nearest)) == exact or (Fraction(float(nearest)) < exact) == down:
        return nearest
    return np.nextafter(nearest, np.float32(-np.inf if down else np.inf))


@pytest.mark.parametrize("mode", ROUNDED_DOWN)
def test_directed_rounding(mode):
    operations = {
        f"add.{mode}.f32 %f4, %f1, %f2;": lambda x, y, z: x + y,
        f"mul.{mode}.f32 %f4, %f1, %f2;": lambda x, y, z: x * y,
        f"div.{mode}.f32 %f4, %f1, %f2;": lambda x, y, z: x / y,
        f"fma.{mode}.f32 %f4, %f1, %f2, %f3;": lambda x, y, z: x * y + z,
    }
    loads = " ".join(f"ld.global.f32 %f{i + 1}, [%d1 + {4 * i}];" for i in range(3))
    stores = " ".join(f"{text} st.global.f32 [%d2 + {4 * i}], %f4;" for i, text in enumerate(operations))
    ptx = f""".version 8.0
.target sm_80
.address_size 64
.entry e(.param .u64 from, .param .u64 to) {{ .reg .f32 %f<5>; .reg .b64 %d<3>; .reg .b32 %r1;
    ld.param.u64 %d1, [from]; ld.param.u64 %d2, [to]; mov.u32 %r1, %tid.x;
    mad.wide.u32 %d1, %r1, 12, %d1; mad.wide.u32 %d2, %r1, 16, %d2; {loads} {stores} ret; }}"""
    values, out = normal(600).reshape(200, 3), np.zeros((200, 4), "f4")
    ptxrun.load(ptx, (types.CPointer(float32),) * 2)[1, 200](values, out)
    for triple, results in zip(values.tolist(), out):
        expected = [directed(apply(*map(Fraction, triple)), mode) for apply in operations.values()]
        assert results.tolist() == expected


def test_unknown_instructions_are_refused_before_the_launch():
    base = compiled(add, (F4, F4, F4)).ptx
    at = base.index("\tret;")
    for unknown in (
        "frobnicate.u32 %r1, %r1;",
        "add.sat.s32 %r1, %r1, %r1;",
        "activemask.b32 %r1;",
        "bar.sync 1, 64;",
        "wmma.load.a.sync %r1;",
        "ld.global.v4.f32 {%f1, %f2}, [%rd1];",
        "mov.u64 %rd1, %clock64;",
    ):
        with pytest.raises(ptxrun.Unsupported) as refused:
            ptxrun.load(base[:at] + unknown + base[at:], (F4, F4, F4))
        assert unknown.rstrip(";") in str(refused.value) or "%clock64" in str(refused.value)


def test_undefined_functions_are_refused():
    def half_sum(a, out):
        out[0] = a[0] + a[1]  # a call of CUDA C++ code that Numba links later

    with pytest.raises(ptxrun.Unsupported, match="does not define"):
        ptxrun.compile(half_sum, (types.float16[::1],) * 2)
