"""Kernels have the results of NumPy."""

import math

import numpy as np
import pytest
from numba import cuda, float32, float64, int32, types

from tests import ptxrun

from .kernels import (
    BLOCK,
    F4,
    F8,
    HUBER_TYPES,
    HUBERS,
    I4,
    ORDERS,
    U4,
    add_by_fours,
    add_by_twos,
    compiled,
    each_device,
    last_block_sums,
    normal,
    numpy_huber,
    optionally_scaled,
)


@each_device
@pytest.mark.parametrize("kernel", HUBERS)
def test_reductions(kernel, cc):
    run, delta = compiled(kernel, HUBER_TYPES, cc), np.float32(0.75)
    for n, grid, order in [(0, 1, "forward"), (31, 3, "reverse"), (1000, 4, "random"), (40003, 37, "random")]:
        pred, target = normal(n), 2 * normal(n, 1)
        grad, partial = np.full(n, np.nan, "f4"), np.zeros(grid)
        run[grid, BLOCK](pred, target, grad, partial, delta, order=order, seed=n)
        loss, gradient = numpy_huber(pred, target, delta)
        assert np.array_equal(grad, gradient)
        assert math.isclose(partial.sum(), loss, rel_tol=1e-13, abs_tol=0)


@each_device
@pytest.mark.parametrize("order", ORDERS)
def test_last_block_finishes(cc, order):
    run = compiled(last_block_sums, (F8, F8, U4, F8), cc)
    values, partial, counter = normal(1000, dtype="f8"), np.zeros(16), np.zeros(1, "u4")
    for _ in range(2):  # the counter wraps to 0 for the next launch
        out = np.zeros(1)
        run[16, 64](values, partial, counter, out, order=order)
        padded = np.append(values, np.zeros(24)).reshape(16, 64)
        expected = sum(sum(row.tolist()) for row in padded)
        assert out[0] == expected and counter[0] == 0


@each_device
def test_vector_access(cc):
    for kernel, array, width in [(add_by_fours, F4, "v4"), (add_by_twos, F8, "v2")]:
        run = compiled(kernel, (array,) * 3, cc)
        a, b = (normal(1000, seed, array.dtype.name) for seed in (0, 1))
        out = np.zeros_like(a)
        run[8, 64](a, b, out)
        assert np.array_equal(out, a + b)
        opcodes = ptxrun.instructions(run.ptx)
        assert any(op.startswith(f"ld.global.{width}") for op in opcodes)
        assert any(op.startswith(f"st.global.{width}") for op in opcodes)


def read_only(array):
    return types.Array(array.dtype, array.ndim, array.layout, readonly=True)


@each_device
def test_read_only_vector_loads(cc):
    run = compiled(add_by_fours, (read_only(F4), read_only(F4), F4), cc)
    assert any(op.startswith("ld.global.nc.v4") for op in ptxrun.instructions(run.ptx))
    a, b, out = normal(1000), normal(1000, 1), np.zeros(1000, "f4")
    run[8, 64](a, b, out)
    assert np.array_equal(out, a + b)
    with pytest.raises(ptxrun.PtxError, match=r"ld.global.nc is also written"):
        run[8, 64](a, b, a)


@each_device
def test_none_arguments(cc):
    values, weight = normal(100), normal(100, 1)
    for given, type, expected in [
        (None, types.none, values),
        (None, types.Omitted(None), values),
        (weight, F4, values * weight),
    ]:
        out = np.zeros(100, "f4")
        compiled(optionally_scaled, (F4, type, F4), cc)[1, 128](values, given, out)
        assert np.array_equal(out, expected)


@each_device
def test_argument_kinds(cc):
    def mixed(arrays, numbers, flag, z, out):
        i = cuda.grid(1)
        if i < out.size:
            out[i] = (arrays[0][i] + arrays[1][i]) * numbers[1] + numbers[0] + z.imag if flag else float32(0)

    signature = (
        types.UniTuple(F4, 2),
        types.Tuple((types.int8, float32)),
        types.boolean,
        types.complex64,
        F4,
    )
    x, out = np.arange(100, dtype="f4"), np.zeros(100, "f4")
    ptxrun.compile(mixed, signature, cc)[1, 128]((x, x), (-3, 2.5), True, 1 + 4j, out)
    assert np.array_equal(out, 5 * x + 1)


@each_device
def test_strided_arrays(cc):
    def doubled(a, out):
        i, j = cuda.grid(2)
        if i < a.shape[0] and j < a.shape[1]:
            out[i, j] = a[i, j] * 2 + a[-1, j]

    run = ptxrun.compile(doubled, (float32[:, :], float32[:, ::1]), cc)
    a = normal(33 * 50).reshape(33, 50)
    for view in (a, a.T[::2], a[::-1, ::-3]):
        out = np.zeros(view.shape, "f4")
        run[(5, 7), (8, 8)](view, out)
        assert np.array_equal(out, view * 2 + view[-1])


TABLE = np.arange(8, dtype="f4") ** 2


@each_device
def test_local_and_constant_memory(cc):
    def picked(a, out):
        i = cuda.grid(1)
        table, local = cuda.const.array_like(TABLE), cuda.local.array(8, float32)
        if i < out.size:
            for j in range(8):
                local[j] = table[j] * a[i]
            out[i] = local[int(a[i] * 100) & 7]

    a, out = np.random.default_rng(0).uniform(0, 3, 500).astype("f4"), np.zeros(500, "f4")
    ptxrun.compile(picked, (F4, F4), cc)[4, 128](a, out)
    assert np.array_equal(out, TABLE[(a * np.float32(100)).astype("i8") & 7] * a)


@each_device
def test_warp_operations(cc):
    def warp(values, out):
        i = cuda.grid(1)
        value = values[i]
        for lane in (16, 8, 4, 2, 1):
            value = max(value, cuda.shfl_xor_sync(0xFFFFFFFF, value, lane))
        ballot = cuda.ballot_sync(0xFFFFFFFF, values[i] > 0)
        out[0, i] = value
        out[1, i] = cuda.shfl_sync(0xFFFFFFFF, values[i], 3)
        out[2, i] = cuda.shfl_up_sync(0xFFFFFFFF, values[i], 1)
        out[3, i] = cuda.popc(ballot & ((1 << cuda.laneid) - 1))
        out[4, i] = cuda.popc(cuda.match_any_sync(0xFFFFFFFF, int32(values[i] > 0)))
        out[5, i] = cuda.syncthreads_count(int32(values[i] > 0))
        out[6, i] = cuda.syncthreads_or(int32(values[i] > 5)) + 2 * cuda.syncthreads_and(
            int32(values[i] > -5)
        )

    values, out = normal(128, dtype="f8"), np.zeros((7, 128))
    ptxrun.compile(warp, (F8, float64[:, ::1]), cc)[2, 64](values, out, order="random")
    rows = values.reshape(4, 32)
    positive = rows > 0
    matches = np.where(positive, positive.sum(1, keepdims=True), 32 - positive.sum(1, keepdims=True))
    assert np.array_equal(out[0], np.repeat(rows.max(1), 32))
    assert np.array_equal(out[1], np.repeat(rows[:, 3], 32))
    assert np.array_equal(out[2], np.concatenate([rows[:, :1], rows[:, :-1]], 1).ravel())
    assert np.array_equal(out[3], (positive.cumsum(1) - positive).ravel())
    assert np.array_equal(out[4], matches.ravel())
    assert np.array_equal(out[5], np.repeat((values > 0).reshape(2, 64).sum(1), 64))
    assert np.array_equal(out[6], np.full(128, 2.0))


@each_device
def test_atomics(cc):
    def atomics(a, largest, smallest, sums, histogram):
        i = cuda.grid(1)
        if i < a.size:
            cuda.atomic.max(largest, 0, a[i])
            cuda.atomic.min(smallest, 0, a[i])
            cuda.atomic.add(sums, 0, a[i])
            cuda.atomic.add(histogram, int(a[i] * 4) & 15, 1)

    a = np.random.default_rng(9).uniform(0, 4, 500)
    largest, smallest, sums, histogram = np.full(1, -1e9), np.full(1, 1e9), np.zeros(1), np.zeros(16, "i4")
    run = ptxrun.compile(atomics, (F8, F8, F8, F8, I4), cc)
    run[4, 128](a, largest, smallest, sums, histogram)
    assert (largest[0], smallest[0], sums[0]) == (a.max(), a.min(), sum(a.tolist()))
    assert np.array_equal(histogram, np.bincount((a * 4).astype("i8") & 15, minlength=16))


def test_dispatchers_and_dynamic_shared_memory():
    @cuda.jit(fastmath=True)
    def reversed_blocks(a, out):
        shared = cuda.shared.array(0, float32)
        thread = cuda.threadIdx.x
        shared[thread] = a[cuda.grid(1)]
        cuda.syncthreads()
        out[cuda.grid(1)] = shared[cuda.blockDim.x - 1 - thread]

    run = ptxrun.compile(reversed_blocks, "void(float32[::1], float32[::1])")
    a, out = normal(768), np.zeros(768, "f4")
    run[3, 256, 0, 1024](a, out)
    assert np.array_equal(out, a.reshape(3, 256)[:, ::-1].ravel())
    with pytest.raises(ptxrun.PtxError, match="out-of-bounds shared"):
        run[3, 256, 0, 512](a, out)
    with pytest.raises(ptxrun.PtxError, match="over the limit"):
        run[3, 256, 0, 65536](a, out)
