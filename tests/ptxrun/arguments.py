"""Flatten the arguments of a Numba kernel to its PTX parameters and the memory that it may access."""

import ctypes
import struct

import numpy as np
from numba.cuda import types
from numba.cuda.np.numpy_support import as_dtype

SECTOR = 32
NUMBER_FORMATS = {types.float32: "<f", types.float64: "<d", types.float16: "<e"}


class Arguments:
    """`parameters`: the bytes of each PTX parameter. `ranges`: (low, high, skew, writable) of each array."""

    def __init__(self, signature, values, prepare=lambda type, value: (type, value)):
        self.parameters = []
        self.ranges = []
        self._prepare = prepare
        for type, value in zip(signature, values, strict=True):
            self._add(type, value)

    def _add(self, type, value):
        type, value = self._prepare(type, value)
        if isinstance(type, types.Array):
            self._add_array(type, HostArray(value))
        elif isinstance(type, types.CPointer):
            self._add_integers(self._add_range(HostArray(value)))
        elif isinstance(type, types.BaseTuple):
            for part_type, part in zip(type, value, strict=True):
                self._add(part_type, part)
        elif isinstance(type, types.EnumMember):
            self._add(type.dtype, value.value)
        elif isinstance(type, types.NoneType):
            self._add_integers(0)
        elif not isinstance(type, types.Omitted):
            self.parameters += _number_bytes(type, value)

    def _add_array(self, type, array):
        array.check(type)
        pointer = self._add_range(array)
        meminfo = parent = 0
        self._add_integers(meminfo, parent, array.size, array.itemsize, pointer, *array.shape, *array.strides)

    def _add_range(self, array):
        if array.size:
            low, high = array.bounds()
            self.ranges.append((low, high, array.base % SECTOR, array.writable))
        return array.pointer

    def _add_integers(self, *values):
        self.parameters += [struct.pack("<q", value) for value in values]


def _number_bytes(type, value):
    if type in NUMBER_FORMATS:
        return [struct.pack(NUMBER_FORMATS[type], value)]
    if isinstance(type, types.Boolean):
        return [bytes([bool(value)])]
    if isinstance(type, types.Integer):
        return [(int(value) & ((1 << type.bitwidth) - 1)).to_bytes(type.bitwidth // 8, "little")]
    if isinstance(type, types.Complex):
        return [struct.pack(NUMBER_FORMATS[type.underlying_float], x) for x in (value.real, value.imag)]
    if isinstance(type, types.NPDatetime | types.NPTimedelta):
        return [struct.pack("<q", int(value.view(np.int64)))]
    raise NotImplementedError(f"kernel argument of type {type}: {value!r}")


class HostArray:
    """A NumPy array, or an object whose `__cuda_array_interface__` points to host memory."""

    def __init__(self, value):
        if isinstance(value, np.ndarray):
            self.dtype, self.shape, self.strides = value.dtype, value.shape, value.strides
            self.pointer, self.writable = value.ctypes.data, value.flags.writeable
            self.base = _root(value).ctypes.data
        elif hasattr(value, "__cuda_array_interface__"):
            interface = value.__cuda_array_interface__
            self.dtype, self.shape = np.dtype(interface["typestr"]), tuple(interface["shape"])
            # Numba passes its own arrays with their strides, of which their interface omits those of 0.
            given = value.strides if hasattr(value, "__cuda_ndarray__") else interface.get("strides")
            self.strides = given or _packed_strides(self.shape, self.dtype.itemsize)
            self.pointer, read_only = interface["data"]
            self.writable, self.base = not read_only, 0
        else:
            raise TypeError(f"expected an array, got {value.__class__.__name__}")
        self.itemsize = self.dtype.itemsize
        self.size = int(np.prod(self.shape, dtype=np.int64))

    def bounds(self):
        reach = [stride * (n - 1) for stride, n in zip(self.strides, self.shape)]
        low, high = sum(min(r, 0) for r in reach), sum(max(r, 0) for r in reach)
        return self.pointer + low, self.pointer + high + self.itemsize

    def view(self):
        """The memory as a NumPy array."""
        if not self.size:
            return np.empty(self.shape, self.dtype)
        low, high = self.bounds()
        memory = (ctypes.c_char * (high - low)).from_address(low)
        return np.ndarray(self.shape, self.dtype, memory, self.pointer - low, self.strides)

    def check(self, type):
        contiguous = {"C": _packed_strides, "F": _fortran_strides}.get(type.layout)
        packed = contiguous(self.shape, self.itemsize) if contiguous else self.strides
        fits = all(s == p or n == 1 for s, p, n in zip(self.strides, packed, self.shape)) or not self.size
        if self.dtype != as_dtype(type.dtype) or len(self.shape) != type.ndim or not fits:
            came = f"{self.dtype}{self.shape} with strides {self.strides}"
            raise TypeError(f"expected {type}, got an array {came}")


def _root(array):
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _packed_strides(shape, itemsize):
    strides = [itemsize]
    for n in reversed(shape[1:]):
        strides.insert(0, strides[0] * n)
    return tuple(strides[: len(shape)])


def _fortran_strides(shape, itemsize):
    return _packed_strides(shape[::-1], itemsize)[::-1]
