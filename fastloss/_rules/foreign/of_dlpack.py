"""Arrays of any library that supports DLPack: NumPy arrays on the host, addresses on a CUDA device.

The structures are those of https://dmlc.github.io/dlpack/latest/c_api.html.
"""

import ctypes
from typing import Any

import numpy as np

from fastloss._rules.foreign import of_numpy

#: DLPack's codes for memory of a CUDA device, and for memory that device and host share.
_CUDA, _CUDA_MANAGED = 2, 13
_LEGACY_DEFAULT_STREAM, _NO_SYNCHRONISATION = 1, -1
_READ_ONLY = 1
#: NumPy's letters for DLPack's signed and unsigned integers, floats, bfloat16, complex numbers and booleans.
_KINDS = {0: "i", 1: "u", 2: "f", 4: "V", 5: "c", 6: "b"}


class _Tensor(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device", ctypes.c_int32 * 2),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    )


class _Versioned(ctypes.Structure):
    _fields_ = (
        ("version", ctypes.c_uint32 * 2),
        ("context", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p),
        ("flags", ctypes.c_uint64),
        ("tensor", _Tensor),
    )


def array(who: str, name: str, x: Any, stream: Any = None) -> Any:
    """A NumPy array, or an object with the CUDA array interface for device memory; neither is a copy."""
    if is_on_device(x):
        return OnDevice(who, name, x, stream)
    if hasattr(x, "__array__"):
        return of_numpy.array(who, name, x)
    try:
        return np.from_dlpack(x)
    except Exception as error:
        if (found := of_numpy.array(who, name, x)).dtype.kind != "O":  # by the buffer protocol
            return found
        message = f"{who}: {name} must hold real numbers of at most 64 bits on the host or a CUDA device"
        raise TypeError(f"{message}, got {type(x).__name__}: {error}") from None


def is_on_device(x: Any) -> bool:
    """Whether an array is in memory of a CUDA device."""
    try:
        return hasattr(x, "__dlpack_device__") and x.__dlpack_device__()[0] in (_CUDA, _CUDA_MANAGED)
    except Exception:  # an error that shows when the array is read on the host
        return False


class OnDevice:
    """An array of a CUDA device, received through DLPack, with the CUDA array interface.

    Its library makes the default stream wait for it. A stream that the caller chose does not wait: its
    synchronisation is the caller's responsibility.
    """

    def __init__(self, who: str, name: str, x: Any, stream: Any) -> None:
        self.owner = x
        chosen = _LEGACY_DEFAULT_STREAM if stream is None else _NO_SYNCHRONISATION
        try:
            self.capsule = x.__dlpack__(stream=chosen, max_version=(1, 0))
        except TypeError:  # a library older than DLPack 1.0
            self.capsule = x.__dlpack__(stream=chosen)
        tensor, read_only = _opened(self.capsule)
        width = tensor.bits // 8
        if tensor.lanes != 1 or tensor.bits not in (8, 16, 32, 64, 128) or tensor.code not in _KINDS:
            raise TypeError(
                f"{who}: {name} must hold real numbers of at most 64 bits, got DLPack's type of code "
                f"{tensor.code}, {tensor.bits} bits and {tensor.lanes} lanes"
            )
        axes = range(tensor.ndim)
        self.__cuda_array_interface__ = {
            "shape": tuple(tensor.shape[axis] for axis in axes),
            "strides": tuple(tensor.strides[axis] * width for axis in axes) if tensor.strides else None,
            "typestr": f"{'|' if width == 1 else '<'}{_KINDS[tensor.code]}{width}",
            "data": ((tensor.data or 0) + tensor.byte_offset, read_only),
            "version": 3,
        }


def _opened(capsule: Any) -> tuple[_Tensor, bool]:
    """The tensor in a capsule, which still owns it, and whether it is read-only."""
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
    name = ctypes.pythonapi.PyCapsule_GetName
    name.restype, name.argtypes = ctypes.c_char_p, (ctypes.py_object,)
    address = pointer(capsule, name(capsule))
    if name(capsule) == b"dltensor_versioned":
        found = _Versioned.from_address(address)
        return found.tensor, bool(found.flags & _READ_ONLY)
    return _Tensor.from_address(address), False
