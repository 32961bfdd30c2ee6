"""How CUDA kernels access elements, and questions to the driver; the only file that imports numba.cuda."""

from typing import Any, NoReturn

from cuda.bindings.driver import (
    CUdeviceptr,
    CUpointer_attribute,
    cuCtxGetDevice,
    cuStreamGetId,
    cuStreamIsCapturing,
)
from llvmlite import ir
from numba import cuda, types
from numba.core import cgutils
from numba.cuda import libdevice
from numba.cuda.core.errors import NumbaPerformanceWarning
from numba.cuda.cudadrv.driver import CudaAPIError, driver
from numba.cuda.extending import intrinsic
from numba.extending import overload, register_jitable

from fastloss._formula import bfloat16
from fastloss._formula.sum import LANES

__all__ = [
    "EIGHT_BYTES",
    "FOUR_BYTES",
    "CudaAPIError",
    "NumbaPerformanceWarning",
    "cuda",
    "current_device",
    "device_at",
    "device_count",
    "each",
    "is_capturing",
    "libdevice",
    "load",
    "refuse",
    "store",
    "stream_id",
]


def device_at(address: int) -> int:
    """The number of the device that has an address."""
    attribute = CUpointer_attribute.CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL
    return int(driver.cuPointerGetAttribute(attribute, CUdeviceptr(address)))


def current_device() -> int:
    """The number of the device whose context is current; -1 if there is none."""
    status, device = cuCtxGetDevice()  # Numba's own way takes 4 us
    return -1 if status else int(device)


def device_count() -> int:
    """How many devices there are."""
    return len(cuda.gpus)


def stream_id(handle: int) -> int:
    """A number that no other stream of this process ever has, unlike a handle, which may be reused."""
    status, found = cuStreamGetId(handle)
    if status:
        refuse("cuStreamGetId", status)
    return int(found)


def is_capturing(handle: int) -> bool:
    """Whether launches on a stream are captured into a graph."""
    status, found = cuStreamIsCapturing(handle)
    if status:
        refuse("cuStreamIsCapturing", status)
    return bool(found)


def refuse(name: str, status: Any) -> NoReturn:
    """Raise the error of a function of the driver."""
    error: Any = CudaAPIError
    raise error(int(status), f"{name}: {status.name}")


# The four lanes of a row that belong to a thread are neighbours or, where elements have eight bytes, two from
# each half, so that each request of a warp is dense.
@register_jitable
def _lane4(t, j):
    return 4 * t + j


@register_jitable
def _lane8(t, j):
    return 2 * t + j % 2 + (j // 2) * (LANES // 2)


def load(x: Any, i: int) -> Any:
    """One element of an operand, or of each operand in a tuple; a number or None is unchanged."""


@overload(load)
def _load(x, i):
    if isinstance(x, types.Array):
        return lambda x, i: _load1(x, i)
    if isinstance(x, types.BaseTuple) and len(x) > 0:
        return lambda x, i: (load(x[0], i),) + load(x[1:], i)  # noqa: RUF005 (Numba)
    return lambda x, i: x


def store(x: Any, i: int, value: Any) -> None:
    """Write one element, if there is an output."""


@overload(store)
def _store(x, i, value):
    if isinstance(x, types.Array):
        return lambda x, i, value: _store1(x, i, (value,))
    return lambda x, i, value: None


def fetch4(x: Any, lo: int, t: int) -> Any:
    """A thread's four elements of a row that starts at `lo`, of an operand or of each in a tuple.

    A number or None is repeated four times.
    """


@overload(fetch4)
def _fetch4(x, lo, t):
    if isinstance(x, types.Array):
        return lambda x, lo, t: _load4(x, lo + 4 * t)
    if isinstance(x, types.BaseTuple) and len(x) > 0:
        return lambda x, lo, t: (fetch4(x[0], lo, t),) + fetch4(x[1:], lo, t)  # noqa: RUF005 (Numba)
    if isinstance(x, types.BaseTuple):
        return lambda x, lo, t: ()
    return lambda x, lo, t: (x, x, x, x)


def fetch8(x: Any, lo: int, t: int) -> Any:
    """`fetch4` for float64."""


@overload(fetch8)
def _fetch8(x, lo, t):
    half = LANES // 2
    if isinstance(x, types.Array):
        return lambda x, lo, t: _load2(x, lo + 2 * t) + _load2(x, lo + half + 2 * t)
    if isinstance(x, types.BaseTuple) and len(x) > 0:
        return lambda x, lo, t: (fetch8(x[0], lo, t),) + fetch8(x[1:], lo, t)  # noqa: RUF005 (Numba)
    if isinstance(x, types.BaseTuple):
        return lambda x, lo, t: ()
    return lambda x, lo, t: (x, x, x, x)


def put4(x: Any, lo: int, t: int, values: tuple[Any, ...]) -> None:
    """Write a thread's four elements of a row, if there is an output."""


@overload(put4)
def _put4(x, lo, t, values):
    if isinstance(x, types.Array):
        return lambda x, lo, t, values: _store4(x, lo + 4 * t, values)
    return lambda x, lo, t, values: None


def put8(x: Any, lo: int, t: int, values: tuple[Any, ...]) -> None:
    """`put4` for float64."""


@overload(put8)
def _put8(x, lo, t, values):
    half = LANES // 2
    if not isinstance(x, types.Array):
        return lambda x, lo, t, values: None

    def two_pairs(x, lo, t, values):
        _store2(x, lo + 2 * t, (values[0], values[1]))
        _store2(x, lo + half + 2 * t, (values[2], values[3]))

    return two_pairs


FOUR_BYTES = _lane4, fetch4, put4
EIGHT_BYTES = _lane8, fetch8, put8


def each(params: tuple[Any, ...], j: int) -> Any:
    """One of the four elements of each parameter."""


@overload(each)
def _each(params, j):
    if len(params) == 0:
        return lambda params, j: ()
    return lambda params, j: (params[0][j],) + each(params[1:], j)  # noqa: RUF005 (Numba)


def _is_flat(x: Any) -> bool:
    return bool(x.ndim == 1 and x.layout == "C")


def _is_bfloat16(kind: Any) -> bool:
    return isinstance(kind, types.CharSeq)  # two bytes


def _pointer(context: Any, builder: Any, array: Any, value: Any, index: Any) -> Any:
    """A pointer to an element, by its index in C order."""
    struct = context.make_array(array)(context, builder, value=value)
    element = ir.IntType(16).as_pointer() if _is_bfloat16(array.dtype) else struct.data.type
    if _is_flat(array):
        return builder.gep(builder.bitcast(struct.data, element), [index])
    sizes, steps = cgutils.unpack_tuple(builder, struct.shape), cgutils.unpack_tuple(builder, struct.strides)
    offset = ir.Constant(index.type, 0)
    for axis in reversed(range(1, array.ndim)):
        along, index = builder.urem(index, sizes[axis]), builder.udiv(index, sizes[axis])
        offset = builder.add(offset, builder.mul(along, steps[axis]))
    offset = builder.add(offset, builder.mul(index, steps[0]))
    byte = builder.bitcast(struct.data, ir.IntType(8).as_pointer())
    return builder.bitcast(builder.gep(byte, [offset]), element)


def _vector(context: Any, builder: Any, pointer: Any, count: int) -> tuple[Any, int]:
    """A pointer to `count` neighbours, and its alignment."""
    element = pointer.type.pointee
    align = min(16, count * context.get_abi_sizeof(element))
    return builder.bitcast(pointer, ir.VectorType(element, count).as_pointer()), align


def _lane_of(k: int) -> Any:
    return ir.Constant(ir.IntType(32), k)


def _loads(count: int) -> Any:
    """An intrinsic that reads `count` adjacent elements, of a flat array in one request."""

    @intrinsic
    def read(typing_context, x, i):
        def codegen(context, builder, signature, args):
            model = context.data_model_manager[x.dtype]
            if _is_flat(x):
                pointer, align = _vector(context, builder, _pointer(context, builder, x, *args), count)
                packed = builder.load(pointer, align=align)
                found = [builder.extract_element(packed, _lane_of(k)) for k in range(count)]
            else:
                indices = [builder.add(args[1], ir.Constant(args[1].type, k)) for k in range(count)]
                found = [builder.load(_pointer(context, builder, x, args[0], index)) for index in indices]
            if _is_bfloat16(x.dtype):
                values = [bfloat16.widened(builder, value) for value in found]
            else:
                values = [model.from_data(builder, value) for value in found]
            return values[0] if count == 1 else context.make_tuple(builder, signature.return_type, values)

        kind = types.float32 if _is_bfloat16(x.dtype) else x.dtype
        return (kind if count == 1 else types.UniTuple(kind, count))(x, types.int64), codegen

    return read


def _stores(count: int) -> Any:
    """An intrinsic that writes `count` adjacent elements, cast to the output's type."""

    @intrinsic
    def write(typing_context, x, i, values):
        def codegen(context, builder, signature, args):
            given = cgutils.unpack_tuple(builder, args[2])
            if _is_bfloat16(x.dtype):
                cast = [bfloat16.narrowed(builder, value) for value in given]
            else:
                cast = [context.cast(builder, value, values.dtype, x.dtype) for value in given]
            if _is_flat(x):
                pointer, align = _vector(context, builder, _pointer(context, builder, x, *args[:2]), count)
                packed = ir.Constant(pointer.type.pointee, ir.Undefined)
                for k, value in enumerate(cast):
                    packed = builder.insert_element(packed, value, _lane_of(k))
                builder.store(packed, pointer, align=align)
            else:
                for k, value in enumerate(cast):
                    index = builder.add(args[1], ir.Constant(args[1].type, k))
                    builder.store(value, _pointer(context, builder, x, args[0], index))
            return context.get_dummy_value()

        return types.void(x, types.int64, values), codegen

    return write


_load1, _load2, _load4 = map(_loads, (1, 2, 4))
_store1, _store2, _store4 = map(_stores, (1, 2, 4))
