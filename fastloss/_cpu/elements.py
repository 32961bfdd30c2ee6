"""LLVM code that reads and writes array elements of any dtype, alignment and byte order."""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.numpy_support import from_dtype

from fastloss._cpu import halves
from fastloss._cpu.intrinsics import LINE
from fastloss._formula import bfloat16

DType = np.dtype[Any]

FOUR = 4  # elements of short lines that are moved together
SQUARE = 32  # bytes of a row of elements that are transposed in registers
# The modules that convert two-byte floats, by the kind of the NumPy dtype.
_TWO_BYTES = {"f": halves, "V": bfloat16}

_BYTE, _I32, _I64 = ir.IntType(8), ir.IntType(32), ir.IntType(64)


def _element(builder: Any, base: Any, offset: Any, bits: Any) -> Any:
    """A pointer to the element at a byte offset from a base address."""
    start = builder.inttoptr(base, _BYTE.as_pointer())
    return builder.bitcast(builder.gep(start, [offset]), bits.as_pointer())


def prefetcher(level: int) -> Any:
    """An intrinsic that prefetches the line of an address, which need not be valid, into a cache level."""

    @intrinsic
    def prefetch(typing_context, address):
        def codegen(context, builder, signature, args):
            kind = ir.FunctionType(ir.VoidType(), [_BYTE.as_pointer(), _I32, _I32, _I32])
            ask = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
            to_read, locality, data = _I32(0), _I32(4 - level), _I32(1)
            builder.call(ask, [builder.inttoptr(args[0], _BYTE.as_pointer()), to_read, locality, data])
            return context.get_dummy_value()

        return types.void(types.int64), codegen

    return prefetch


def row_type(dtype: DType) -> Any:
    """The Numba type of an element of a row, as it is in memory."""
    return from_dtype(dtype) if dtype.kind == "f" else types.uint8


def _llvm_float(dtype: DType) -> Any:
    return {4: ir.FloatType(), 8: ir.DoubleType()}[dtype.itemsize]


def reader(dtype: DType, into: DType) -> Any:
    """An intrinsic that reads an element of any type, alignment and byte order as a float, or a boolean."""

    @intrinsic
    def read(typing_context, base, offset):
        def codegen(context, builder, signature, args):
            return _read(builder, *args, dtype, into)

        return row_type(into)(types.int64, types.int64), codegen

    return read


def fetcher(dtype: DType, into: DType, count: int) -> Any:
    """An intrinsic that reads one or four elements side by side, and stores them in a row from k on."""

    @intrinsic
    def fetch(typing_context, base, row, k):
        def codegen(context, builder, signature, args):
            base, row, k = args
            offsets = [_I64(j * dtype.itemsize) for j in range(count)]
            _store(builder, [_read(builder, base, offset, dtype, into) for offset in offsets], row, k)
            return context.get_dummy_value()

        return types.void(types.int64, row, types.int64), codegen

    return fetch


@intrinsic
def fill_four(typing_context, row, k, number):
    """Store a number in four elements of a row, from element k on."""

    def codegen(context, builder, signature, args):
        row, k, number = args
        _store(builder, [number] * FOUR, row, k)
        return context.get_dummy_value()

    return types.void(row, types.int64, row.dtype), codegen


def putter(dtype: DType, of: DType, count: int) -> Any:
    """An intrinsic that writes one or four elements of a row, from k on, side by side."""

    @intrinsic
    def put(typing_context, base, row, k):
        def codegen(context, builder, signature, args):
            base, row, k = args
            pointer = _vector_at(builder, row, k, count)
            if dtype == of:
                there = builder.inttoptr(base, pointer.type)
                builder.store(builder.load(pointer, align=1), there, align=1)
            else:
                vector = builder.load(pointer, align=1)
                for j in range(count):
                    number = builder.extract_element(vector, _I32(j))
                    _write(builder, base, _I64(j * dtype.itemsize), number, dtype)
            return context.get_dummy_value()

        return types.void(types.int64, row, types.int64), codegen

    return put


def _store(builder: Any, numbers: list[Any], row: Any, k: Any) -> None:
    pointer = _vector_at(builder, row, k, len(numbers))
    vector = ir.Constant(pointer.type.pointee, ir.Undefined)
    for lane, number in enumerate(numbers):
        vector = builder.insert_element(vector, number, _I32(lane))
    builder.store(vector, pointer, align=1)


# Loops over lines of a few elements would be slower, and take twice as long to compile, if the compiler made
# vectors of them. It leaves loops that have vectors already as they are.
def _vector_at(builder: Any, row: Any, k: Any, size: int) -> Any:
    """A pointer to a vector at element k of a row."""
    first = builder.gep(row, [k])
    return builder.bitcast(first, ir.VectorType(first.type.pointee, size).as_pointer())


def _read(builder: Any, base: Any, offset: Any, dtype: DType, into: DType) -> Any:
    """An element of any type, alignment and byte order, as a float or a boolean."""
    bits, wide = ir.IntType(8 * dtype.itemsize), _llvm_float(into) if into.kind == "f" else None
    found = builder.load(_element(builder, base, offset, bits), align=1)
    if not dtype.isnative:
        found = builder.bswap(found)
    if dtype.kind == "b":
        truth = builder.icmp_unsigned("!=", found, bits(0))
        return builder.uitofp(builder.zext(truth, _I32), wide) if wide else builder.zext(truth, bits)
    if dtype.kind in "iu":
        return (builder.sitofp if dtype.kind == "i" else builder.uitofp)(found, wide)
    if dtype.itemsize == 2:
        return _converted(builder, _TWO_BYTES[dtype.kind].widened(builder, found), wide)
    return _converted(builder, builder.bitcast(found, _llvm_float(dtype)), wide)


def writer(dtype: DType, of: DType) -> Any:
    """An intrinsic that writes a float as an element of any type, alignment and byte order."""

    @intrinsic
    def write(typing_context, base, offset, value):
        def codegen(context, builder, signature, args):
            _write(builder, *args, dtype)
            return context.get_dummy_value()

        return types.void(types.int64, types.int64, from_dtype(of)), codegen

    return write


def _write(builder: Any, base: Any, offset: Any, value: Any, dtype: DType) -> None:
    """Write a float as an element of any type, alignment and byte order."""
    bits = ir.IntType(8 * dtype.itemsize)
    if dtype.itemsize == 2:
        found = _TWO_BYTES[dtype.kind].narrowed(builder, value)
    else:
        found = builder.bitcast(_converted(builder, value, _llvm_float(dtype)), bits)
    if not dtype.isnative:
        found = builder.bswap(found)
    builder.store(found, _element(builder, base, offset, bits), align=1)


def _converted(builder: Any, value: Any, kind: Any) -> Any:
    """A float in another type."""
    if value.type == kind:
        return value
    return (builder.fpext if kind == ir.DoubleType() else builder.fptrunc)(value, kind)


@intrinsic
def stream_line(typing_context, there, here):
    """Write a whole cache line past the caches, from memory of any alignment."""
    line = ir.VectorType(_I32, LINE // 4)

    def codegen(context, builder, signature, args):
        target, source = (builder.inttoptr(address, line.as_pointer()) for address in args)
        store = builder.store(builder.load(source, align=1), target, align=LINE)
        store.set_metadata("nontemporal", builder.module.add_metadata([_I32(1)]))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), codegen


def transposer(dtype: DType) -> Any:
    """An intrinsic that transposes a square of elements, whose columns are contiguous and `step` bytes apart.

    Its rows, of `SQUARE` bytes, are then contiguous and `pitch` bytes apart. Off-diagonal blocks are
    exchanged, first of one element, then of two, and so on: J. O. Eklundh, "A Fast Computer Method for
    Matrix Transposing", IEEE Transactions on Computers C-21 (1972), 801-803.
    """
    width = SQUARE // dtype.itemsize
    vector = ir.VectorType(_llvm_float(dtype), width)

    def exchanged(builder: Any, low: Any, high: Any, distance: int) -> tuple[Any, Any]:
        upper = [k if not k & distance else k - distance + width for k in range(width)]
        lower = [k + distance if not k & distance else k + width for k in range(width)]
        masks = (ir.Constant(ir.VectorType(_I32, width), mask) for mask in (upper, lower))
        first, second = (builder.shuffle_vector(low, high, mask) for mask in masks)
        return first, second

    @intrinsic
    def transpose(typing_context, base, step, there, pitch):
        def codegen(context, builder, signature, args):
            base, step, there, pitch = args
            offsets = [builder.mul(step, _I64(k)) for k in range(width)]
            square = [builder.load(_element(builder, base, offset, vector), align=1) for offset in offsets]
            distance = 1
            while distance < width:
                for k in range(width):
                    if not k & distance:
                        pair = square[k], square[k + distance]
                        square[k], square[k + distance] = exchanged(builder, *pair, distance)
                distance *= 2
            for k, row in enumerate(square):
                builder.store(row, _element(builder, there, builder.mul(pitch, _I64(k)), vector), align=1)
            return context.get_dummy_value()

        return types.void(types.int64, types.int64, types.int64, types.int64), codegen

    return transpose
