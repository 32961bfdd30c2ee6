"""Faults in kernels are found."""

import re

import numpy as np
import pytest
from numba import cuda, float32

from tests import ptxrun

from .kernels import (
    BLOCK,
    F4,
    HUBER_TYPES,
    ORDERS,
    add,
    add_by_fours,
    compiled,
    each_device,
    huber_shuffles,
    huber_tree,
    normal,
)


def missing_barrier(a, out):
    shared, thread = cuda.shared.array(256, float32), cuda.threadIdx.x
    shared[thread] = a[cuda.grid(1)]
    width = 128
    while width > 0:
        if thread < width:
            shared[thread] += shared[thread + width]
        width >>= 1
    if thread == 0:
        out[cuda.blockIdx.x] = shared[0]


def missing_guard(a, out):
    i = cuda.grid(1)
    out[i] = a[i] * 2


def early_exit(a, out):
    i = cuda.grid(1)
    if i >= a.size:
        return
    shared = cuda.shared.array(256, float32)
    shared[cuda.threadIdx.x] = a[i]
    cuda.syncthreads()
    out[i] = shared[0]


def divergent_shuffle(a, out):
    i = cuda.grid(1)
    if i < a.size:
        out[i] = cuda.shfl_down_sync(0xFFFFFFFF, a[i], 1)


def divergent_barrier(a, out):
    i = cuda.grid(1)
    if cuda.threadIdx.x < 16:
        cuda.syncthreads()
        out[i % a.size] = a[i % a.size]
    else:
        out[i % a.size] = a[i % a.size] + 1
        cuda.syncthreads()
        out[i % a.size] += 1


def waits_for_another_block(a, out):
    while out[0] == 0:
        cuda.threadfence()
        if a[0] != 0:
            cuda.atomic.add(out, 1, 1)


@each_device
@pytest.mark.parametrize(
    ("kernel", "problem"),
    [
        (missing_barrier, "shared memory race"),
        (missing_guard, "out-of-bounds global load"),
        (early_exit, "barrier reached after this thread exited"),
        (divergent_shuffle, "names a lane that has exited"),
        (divergent_barrier, "different barriers"),
    ],
)
def test_faults(kernel, problem, cc):
    with pytest.raises(ptxrun.PtxError, match=problem) as fault:
        compiled(kernel, (F4, F4), cc)[4, 256](normal(1000), np.zeros(1000, "f4"))
    assert "thread (" in str(fault.value)


@each_device
def test_warp_synchronous_code_needs_its_syncwarp(cc):
    def warp_sum(a, out):
        shared, lane = cuda.shared.array(32, float32), cuda.laneid
        shared[lane] = a[cuda.grid(1)]
        width = 16
        while width > 0:
            cuda.syncwarp()
            if lane < width:
                shared[lane] += shared[lane + width]
            width >>= 1
        if lane == 0:
            out[cuda.blockIdx.x] = shared[0]

    a, out = np.arange(64, dtype="f4"), np.zeros(2, "f4")
    run = ptxrun.compile(warp_sum, (F4, F4), cc)
    for order in ORDERS:
        run[2, 32](a, out, order=order)
        assert np.array_equal(out, a.reshape(2, 32).sum(1))
    unsynchronised = ptxrun.load(re.sub(r"bar\.warp\.sync[^;]*;", "", run.ptx), (F4, F4))
    with pytest.raises(ptxrun.PtxError, match="shared memory race"):
        unsynchronised[2, 32](a, out)


def test_endless_loop():
    with pytest.raises(ptxrun.PtxError, match="endless loop"):
        compiled(waits_for_another_block, (F4, F4))[1, 1](np.zeros(1, "f4"), np.zeros(2, "f4"))


def test_refused_launches():
    run, a = compiled(add, (F4, F4, F4)), normal(100)
    read_only = a.copy()
    read_only.flags.writeable = False
    with pytest.raises(ptxrun.PtxError, match="read-only memory"):
        run[1, 128](a, a, read_only)
    with pytest.raises(ptxrun.PtxError, match="at least 1"):
        run[0, 128](a, a, a)
    with pytest.raises(ptxrun.PtxError, match="over the limit"):
        run[1, 2048](a, a, a)
    with pytest.raises(TypeError, match=r"float64\(100,\)"):
        run[1, 128](a, a, np.zeros(100))
    with pytest.raises(TypeError, match="strides"):
        run[1, 128](a, a, np.zeros(200, "f4")[::2])
    with pytest.raises(ptxrun.PtxError, match="misaligned access"):
        compiled(add_by_fours, (F4,) * 3)[1, 128](a[1:], a[1:], a[1:])


def test_early_exit_may_be_allowed():
    a, out = normal(1000), np.zeros(1000, "f4")
    compiled(early_exit, (F4, F4))[4, 256](a, out, strict=False)
    assert np.array_equal(out, np.repeat(a[::256], 256)[:1000])


def test_order_dependence_shows():
    def last_writer(a, out):
        out[0] = a[cuda.blockIdx.x]

    results = set()
    for order in ORDERS:
        out = np.zeros(1, "f4")
        compiled(last_writer, (F4, F4))[50, 1](normal(50), out, order=order, seed=5)
        results.add(out[0])
    assert len(results) == 3


MUTATIONS = {
    huber_shuffles: [
        ("sub.f32", "add.f32"),
        ("copysign.f32", "min.f32"),
        ("shfl.sync.down", "shfl.sync.up"),
        ("bar.sync \t0;", "membar.cta;"),
        ("setp.gt.f32", "setp.lt.f32"),
        ("0dBFE0000000000000", "0dBFD0000000000000"),
        ("st.global.f64", "red.global.add.f64"),
        ("abs.f32", "neg.f32"),
        ("st.shared.f64", "st.shared.b32"),
        ("%tid.x", "%laneid"),
        ("ld.shared.f64", "ld.shared.f32"),
    ],
    huber_tree: [
        ("bar.sync \t0;", "membar.cta;"),
        ("add.f64", "sub.f64"),
        ("%ntid.x", "%nctaid.x"),
        ("setp.lt.", "setp.le."),
        ("shr.u32", "shr.s32"),
    ],
}
EQUIVALENT = {(huber_tree, "shr.u32")}  # the widths are positive


@pytest.mark.parametrize("kernel", MUTATIONS)
def test_mutants_are_found(kernel):
    original = compiled(kernel, HUBER_TYPES)
    pred, target = normal(5000), normal(5000, 1)

    def outcome(run):
        grad, partial = np.full(5000, np.nan, "f4"), np.ones(4)
        try:
            run[4, BLOCK](pred, target, grad, partial, np.float32(0.75))
        except ptxrun.PtxError as error:
            return str(error)
        return grad.tobytes(), partial.tobytes()

    for old, new in MUTATIONS[kernel]:
        changed = outcome(original.mutant(old, new)) != outcome(original)
        assert changed != ((kernel, old) in EQUIVALENT), (old, new)
