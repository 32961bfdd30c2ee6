"""Intrinsics: what kernels need of LLVM and of Numba's code generator, for which Numba has no functions."""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.numpy_support import from_dtype

from fastloss._cpu.table_format import MOVER

DType = np.dtype[Any]

LINE = 64  # bytes of a cache line

_BYTE, _I32, _I64 = ir.IntType(8), ir.IntType(32), ir.IntType(64)


def stack(size: int, dtype: DType) -> Any:
    """An intrinsic for an uninitialised array on the stack of its caller.

    The compiler knows that nothing else refers to its memory, so loops that write to it vectorise whatever
    they read.
    """
    kind = types.Array(from_dtype(dtype), 1, "C")

    @intrinsic
    def on_stack(typing_context):
        def codegen(context, builder, signature, args):
            element = context.get_data_type(kind.dtype)
            with builder.goto_entry_block():  # once a call; Numba's own helper would fill it with zeros
                memory = builder.alloca(ir.ArrayType(element, size))
            memory.align = LINE
            array = context.make_array(kind)(context, builder)
            step = context.get_constant(types.intp, dtype.itemsize)
            context.populate_array(
                array,
                data=builder.bitcast(memory, element.as_pointer()),
                shape=[context.get_constant(types.intp, size)],
                strides=[step],
                itemsize=step,
                meminfo=None,
            )
            return array._getvalue()

        return kind(), codegen

    return on_stack


@intrinsic
def fence(typing_context):
    """Make what was written past the caches visible to later reads."""

    def codegen(context, builder, signature, args):
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def at(typing_context, x, k):
    """Element `k` behind a pointer, or behind each pointer in a tuple; a number or None is unchanged."""

    def found(kind):
        if isinstance(kind, types.BaseTuple):
            return types.Tuple([found(each) for each in kind])
        return kind.dtype if isinstance(kind, types.CPointer) else kind

    def load(context, builder, kind, value, index):
        if isinstance(kind, types.BaseTuple):
            parts = zip(kind, cgutils.unpack_tuple(builder, value), strict=True)
            values = [load(context, builder, *part, index) for part in parts]
            return context.make_tuple(builder, found(kind), values)
        if not isinstance(kind, types.CPointer):
            return value
        return builder.load(builder.gep(value, [index]))

    def codegen(context, builder, signature, args):
        return load(context, builder, x, *args)

    return found(x)(x, types.int64), codegen


@intrinsic
def address_of(typing_context, x):
    """The address of an array's first element, or that in a pointer."""

    def codegen(context, builder, signature, args):
        if isinstance(x, types.CPointer):
            return builder.ptrtoint(args[0], _I64)
        return builder.ptrtoint(context.make_array(x)(context, builder, value=args[0]).data, _I64)

    return types.int64(x), codegen


@intrinsic
def store_addresses(typing_context, operands, addresses):
    """Store the address of each array of a tuple, whose last item is a tuple too, in an array of int64."""

    def codegen(context, builder, signature, args):
        table = context.make_array(addresses)(context, builder, value=args[1]).data
        for k, (kind, value) in enumerate(_flat(builder, operands, args[0])):
            address = _I64(0)
            if isinstance(kind, types.Array):
                data = context.make_array(kind)(context, builder, value=value).data
                address = builder.ptrtoint(data, _I64)
            builder.store(address, builder.gep(table, [_I64(k)]))
        return context.get_dummy_value()

    return types.void(operands, addresses), codegen


@intrinsic
def overlap(typing_context, written, read):
    """Whether arrays to be written, from end to end, overlap one another or arrays that are read."""

    def extents(context, builder, operands):
        for kind, value in operands:
            if isinstance(kind, types.Array):
                array = context.make_array(kind)(context, builder, value=value)
                start = builder.ptrtoint(array.data, _I64)
                yield start, builder.add(start, builder.mul(array.nitems, array.itemsize))

    def codegen(context, builder, signature, args):
        others = list(extents(context, builder, _flat(builder, read, args[1])))
        found = cgutils.false_bit
        outs = zip(written, cgutils.unpack_tuple(builder, args[0]), strict=True)
        for start, end in extents(context, builder, outs):
            for other_start, other_end in others:
                before = builder.icmp_unsigned("<", start, other_end)
                meets = builder.and_(before, builder.icmp_unsigned("<", other_start, end))
                found = builder.or_(found, meets)
            others.append((start, end))
        return found

    return types.boolean(written, read), codegen


def _flat(builder: Any, operands: Any, value: Any) -> list[tuple[Any, Any]]:
    """The types and values of a tuple whose last is a tuple, as one list."""
    *first, last = zip(operands, cgutils.unpack_tuple(builder, value), strict=True)
    return [*first, *zip(last[0], cgutils.unpack_tuple(builder, last[1]), strict=True)]


@intrinsic
def move(typing_context, layouts, layout, lo, size, row):
    """Call the function of a layout that moves a row from or to its array."""

    def codegen(context, builder, signature, args):
        table = context.make_array(layouts)(context, builder, value=args[0])
        pointer = builder.gep(table.data, [args[1]])
        kind = ir.FunctionType(ir.VoidType(), [_I64.as_pointer(), _I64, _I64, _BYTE.as_pointer()])
        mover = builder.inttoptr(builder.load(builder.gep(pointer, [_I64(MOVER)])), kind.as_pointer())
        builder.call(mover, [pointer, *args[2:4], builder.inttoptr(args[4], _BYTE.as_pointer())])
        return context.get_dummy_value()

    return types.void(layouts, types.int64, types.int64, types.int64, types.int64), codegen


@intrinsic
def store_numbers(typing_context, scale, params, numbers):
    """Store the scale and each parameter that is a number in an array of float64."""

    def codegen(context, builder, signature, args):
        table = context.make_array(numbers)(context, builder, value=args[2]).data
        values = [args[0], *cgutils.unpack_tuple(builder, args[1])]
        for k, (kind, value) in enumerate(zip((scale, *params), values, strict=True)):
            if not isinstance(kind, types.Array):
                builder.store(value, builder.gep(table, [_I64(k)]))
        return context.get_dummy_value()

    return types.void(scale, params, numbers), codegen


@intrinsic
def call_row(typing_context, row, addresses, numbers, size):
    """Call a loss's row function by its address, with pointers to two arrays."""

    def codegen(context, builder, signature, args):
        arrays = zip((addresses, numbers), args[1:3], strict=True)
        first = [context.make_array(kind)(context, builder, value=value).data for kind, value in arrays]
        kind = ir.FunctionType(ir.VoidType(), [*[each.type for each in first], _I64])
        builder.call(builder.inttoptr(args[0], kind.as_pointer()), [*first, args[3]])
        return context.get_dummy_value()

    return types.void(types.int64, addresses, numbers, types.int64), codegen


def apart(kinds: list[Any], params: list[Any]) -> Any:
    """An intrinsic that calls a function with pointers from an array of addresses, and with numbers.

    `kinds` are the types of the function's arguments before its parameters, `params` those of the parameters.
    None of the pointers leads to memory that is written through another one. The loop is a function of its
    own, whose arguments are marked so. It therefore need not check at run time whether a store changes a
    later load. From about eight such pairs on, the compiler would give up and not vectorise.
    """

    @intrinsic
    def call_apart(typing_context, function, addresses, numbers, size):
        given = *kinds, types.Tuple(params), types.float64, types.int64
        called = typing_context.resolve_function_type(function, given, {})

        def codegen(context, builder, signature, args):
            _, table, values, count = args
            operands = []
            for k, kind in enumerate([*kinds, *params]):
                if isinstance(kind, types.CPointer):
                    address = builder.load(builder.gep(table, [_I64(k)]))
                    operand = builder.inttoptr(address, context.get_value_type(kind))
                elif kind == types.none:
                    operand = context.get_dummy_value()
                else:  # a parameter; the scale is the first number
                    operand = builder.load(builder.gep(values, [_I64(k - len(kinds) + 1)]))
                operands.append(operand)
            held = context.make_tuple(builder, called.args[len(kinds)], operands[len(kinds) :])
            scale = builder.load(values)
            _call_apart(context, builder, function, called, [*operands[: len(kinds)], held, scale, count])
            return context.get_dummy_value()

        return types.void(function, addresses, numbers, types.int64), codegen

    return call_apart


def _call_apart(context: Any, builder: Any, function: Any, called: Any, given: list[Any]) -> None:
    convention = context.call_conv
    kind = convention.get_function_type(called.return_type, called.args)
    inner = ir.Function(builder.module, kind, builder.module.get_unique_name("apart"))
    inner.linkage = "internal"
    inner.attributes.add("noinline")
    for each in inner.args:
        if isinstance(each.type, ir.PointerType):
            each.add_attribute("noalias")
    body = ir.IRBuilder(inner.append_basic_block())
    passed = convention.decode_arguments(body, called.args, inner)
    context.get_function(function, called)(body, passed)
    convention.return_value(body, context.get_dummy_value())
    status, _ = convention.call_function(builder, inner, called.return_type, called.args, given)
    with cgutils.if_unlikely(builder, status.is_error):
        convention.return_status_propagate(builder, status)
