"""Kernels of the tests of ptxrun, and how they are compiled and fed."""

import math
from functools import cache

import numpy as np
import pytest
from llvmlite import ir
from numba import cuda, float32, float64, int32, int64, types, uint32
from numba.cuda.extending import intrinsic
from numba.extending import register_jitable

from tests import ptxrun

DEVICES = [(7, 5), (9, 0), (12, 0)]
ORDERS = ["forward", "reverse", "random"]
F4, F8, I4, I8, U4 = float32[::1], float64[::1], int32[::1], int64[::1], uint32[::1]
BLOCK = 256
WARPS = BLOCK // 32

compiled = cache(ptxrun.compile)
each_device = pytest.mark.parametrize("cc", DEVICES, ids=lambda cc: f"sm_{cc[0]}{cc[1]}")


def normal(n, seed=0, dtype="f4"):
    return np.random.default_rng(seed).standard_normal(n).astype(dtype)


def add(a, b, out):
    for i in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        out[i] = a[i] + b[i]


@register_jitable
def huber(error, delta):
    bounded = math.copysign(delta, error) if abs(error) > delta else error
    return float64(bounded) * (float64(error) - 0.5 * float64(bounded)), bounded


def huber_shuffles(pred, target, grad, partial, delta):
    shared = cuda.shared.array(WARPS, float64)
    total = 0.0
    for i in range(cuda.grid(1), pred.size, cuda.gridsize(1)):
        loss, grad[i] = huber(pred[i] - target[i], delta)
        total += loss
    offset = 16
    while offset > 0:
        total += cuda.shfl_down_sync(0xFFFFFFFF, total, offset)
        offset >>= 1
    thread = cuda.threadIdx.x
    if (thread & 31) == 0:
        shared[thread >> 5] = total
    cuda.syncthreads()
    if thread == 0:
        total = 0.0
        for j in range(WARPS):
            total += shared[j]
        partial[cuda.blockIdx.x] = total


def huber_tree(pred, target, grad, partial, delta):
    shared = cuda.shared.array(BLOCK, float64)
    total = 0.0
    for i in range(cuda.grid(1), pred.size, cuda.gridsize(1)):
        loss, grad[i] = huber(pred[i] - target[i], delta)
        total += loss
    thread = cuda.threadIdx.x
    shared[thread] = total
    cuda.syncthreads()
    width = BLOCK // 2
    while width > 0:
        if thread < width:
            shared[thread] += shared[thread + width]
        cuda.syncthreads()
        width >>= 1
    if thread == 0:
        partial[cuda.blockIdx.x] = shared[0]


def huber_atomic(pred, target, grad, partial, delta):
    for i in range(cuda.grid(1), pred.size, cuda.gridsize(1)):
        loss, grad[i] = huber(pred[i] - target[i], delta)
        cuda.atomic.add(partial, 0, loss)


HUBERS = [huber_shuffles, huber_tree, huber_atomic]
HUBER_TYPES = (F4, F4, F4, F8, float32)


def numpy_huber(pred, target, delta):
    error = pred - target
    bounded = np.where(abs(error) > delta, np.copysign(delta, error), error)
    return (bounded.astype("f8") * (error.astype("f8") - 0.5 * bounded)).sum(), bounded


def last_block_sums(values, partial, counter, out):
    shared, is_last = cuda.shared.array(64, float64), cuda.shared.array(1, int32)
    thread, i = cuda.threadIdx.x, cuda.grid(1)
    shared[thread] = values[i] if i < values.size else 0.0
    cuda.syncthreads()
    if thread == 0:
        total = 0.0
        for j in range(64):
            total += shared[j]
        partial[cuda.blockIdx.x] = total
        cuda.threadfence()
        is_last[0] = cuda.atomic.inc(counter, 0, uint32(cuda.gridDim.x - 1)) == cuda.gridDim.x - 1
    cuda.syncthreads()
    if is_last[0]:
        cuda.threadfence()
        if thread == 0:
            total = 0.0
            for j in range(cuda.gridDim.x):
                total += partial[j]
            out[0] = total


def optionally_scaled(a, weight, out):
    i = cuda.grid(1)
    if i < a.size:
        out[i] = a[i] if weight is None else a[i] * weight[i]


def vector_intrinsics(lanes):
    """Make intrinsics that load and store `lanes` neighbours in one instruction."""

    def pointer(context, builder, array_type, array, index):
        vector = ir.VectorType(context.get_data_type(array_type.dtype), lanes)
        data = context.make_array(array_type)(context, builder, array).data
        return vector, builder.bitcast(builder.gep(data, [index]), vector.as_pointer())

    @intrinsic
    def load(typing_context, array, index):
        def generate(context, builder, signature, args):
            vector, at = pointer(context, builder, signature.args[0], *args)
            loaded = builder.load(at, align=vector.elements[0].get_abi_size(context.target_data) * lanes)
            if signature.args[0].mutable is False:
                loaded.set_metadata("invariant.load", builder.module.add_metadata([]))
            lane = [builder.extract_element(loaded, ir.Constant(ir.IntType(32), k)) for k in range(lanes)]
            return context.make_tuple(builder, signature.return_type, lane)

        return types.UniTuple(array.dtype, lanes)(array, types.int64), generate

    @intrinsic
    def store(typing_context, array, index, values):
        def generate(context, builder, signature, args):
            vector, at = pointer(context, builder, signature.args[0], args[0], args[1])
            whole = ir.Constant(vector, ir.Undefined)
            for k in range(lanes):
                element = builder.extract_value(args[2], k)
                whole = builder.insert_element(whole, element, ir.Constant(ir.IntType(32), k))
            builder.store(whole, at, align=vector.elements[0].get_abi_size(context.target_data) * lanes)
            return context.get_dummy_value()

        return types.void(array, types.int64, values), generate

    return load, store


load4, store4 = vector_intrinsics(4)
load2, store2 = vector_intrinsics(2)


def add_by_fours(a, b, out):
    i = 4 * cuda.grid(1)
    if i + 3 < out.size:
        (a0, a1, a2, a3), (b0, b1, b2, b3) = load4(a, i), load4(b, i)
        store4(out, i, (a0 + b0, a1 + b1, a2 + b2, a3 + b3))
    else:
        for j in range(i, out.size):
            out[j] = a[j] + b[j]


def add_by_twos(a, b, out):
    i = 2 * cuda.grid(1)
    if i + 1 < out.size:
        (a0, a1), (b0, b1) = load2(a, i), load2(b, i)
        store2(out, i, (a0 + b0, a1 + b1))
