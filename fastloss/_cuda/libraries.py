"""The libraries of CUDA arrays: their arrays as NumPy sees them, new arrays, and streams.

None is imported here: the library of an array is already loaded.
"""

import sys
from contextlib import nullcontext
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from fastloss._definition.definition import OPTIONS
from fastloss._rules.arrays import BFLOAT16, is_bfloat16

Array = np.ndarray[Any, Any]
DType = np.dtype[Any]

_BFLOAT16 = "<V2"  # bfloat16 in array interfaces, as ml_dtypes has it; NumPy's own void has no byte order


def is_device_array(x: Any) -> bool:
    """Whether an object is an array in the memory of a CUDA device."""
    try:
        return hasattr(x, "__cuda_array_interface__")
    except KeyError:  # PyTorch's, for a device tensor of a dtype that the interface cannot name
        return True


def is_there(who: str, x: Any) -> bool:
    """Whether an argument is a device array; refuse a tensor that requires grad."""
    try:
        return is_device_array(x)
    except RuntimeError as error:  # PyTorch's
        how = "pass tensor.detach(), or use fastloss.adapters.torch"
        message = f"{who}: a tensor that requires grad was given: {how} ({error})"
        raise TypeError(message) from None


def interface_of(x: Any) -> Any:
    """The CUDA array interface of a device array.

    PyTorch's own for bfloat16 depends on its version: none, float16 (which is wrong) or the one made here.
    """
    torch = _library(x, "torch", "Tensor")
    if torch is None or x.dtype is not torch.bfloat16:
        if _library(x, "jax", "Array"):
            x.block_until_ready()  # computed on JAX's own stream, which its interface does not name
        return x.__cuda_array_interface__
    steps = tuple([2 * step for step in x.stride()])
    return {"shape": tuple(x.shape), "typestr": _BFLOAT16, "data": (x.data_ptr(), False), "strides": steps}


def stand_in(who: str, name: str, x: Any) -> Array:
    """A NumPy array with the address of a device array, whose elements must not be accessed."""
    try:
        interface = interface_of(x)
    except KeyError:
        message = f"{who}: {name} must hold real numbers of at most 64 bits, got dtype {x.dtype}"
        raise TypeError(message) from None
    if interface.get("mask") is not None:
        raise TypeError(f"{who}: {name} has a mask, which is not supported: pass it as where=")
    shown = {key: interface[key] for key in ("shape", "typestr", "data")}
    shown |= {"strides": _strides_of(x, interface), "version": 3}
    narrow = shown["typestr"] == _BFLOAT16
    if 0 in shown["shape"]:
        return np.empty(shown["shape"], BFLOAT16 if narrow else shown["typestr"])
    if narrow:  # whose alignment is checked as that of an integer
        shown["typestr"] = "<u2"
    seen = np.asarray(SimpleNamespace(__array_interface__=shown))
    if not (seen.dtype.isnative and seen.flags.aligned):
        raise TypeError(f"{who}: {name} must be aligned and of native byte order on a CUDA device")
    if narrow:
        shown |= {"typestr": BFLOAT16.str, "descr": BFLOAT16.descr}
        seen = np.asarray(SimpleNamespace(__array_interface__=shown))
    # A number on the device stays there, and is broadcast.
    return seen if seen.ndim or name in OPTIONS else seen.reshape(1)


def sight(x: Any) -> tuple[int, Any, Any, tuple[int, ...], dict[str, Any]]:
    """What distinguishes an array from others, without checks.

    Returns its address; what else belongs to its form; its strides, or None if it is C-contiguous; its shape;
    and its interface, if that was needed. Raises LookupError if the array needs the full checks.
    """
    torch = sys.modules.get("torch")
    try:
        if torch is None:
            interface = interface_of(x)
        elif type(x) is torch.Tensor:  # its interface takes 5 us
            if x.requires_grad or not x.is_cuda or x.layout is not torch.strided:
                raise LookupError("a tensor that has no plain memory on a device")
            return x.data_ptr(), x.dtype, None if x.is_contiguous() else x.stride(), x.shape, {}
        else:
            interface = interface_of(x)
    except (AttributeError, RuntimeError):  # no array of a device, or one of PyTorch's that requires grad
        raise LookupError("no array of a device") from None
    address, read_only = interface["data"]
    shape, typestr, strides = interface["shape"], interface["typestr"], _strides_of(x, interface)
    if not typestr[2:].isdigit():
        raise LookupError("an array of objects or dates")
    if strides is not None and _are_packed(shape, strides, int(typestr[2:])):
        strides = None
    return address, (typestr, read_only, interface.get("mask") is None), strides, shape, interface


def _strides_of(x: Any, interface: dict[str, Any]) -> Any:
    """Strides, or None for C order. Numba's interface leaves out strides that repeat elements."""
    return x.strides if getattr(type(x), "__cuda_ndarray__", False) else interface.get("strides")


def _are_packed(shape: tuple[int, ...], strides: tuple[int, ...], step: int) -> bool:
    """Whether elements are in C order without gaps."""
    for size, stride in zip(reversed(shape), reversed(strides), strict=True):
        if stride != step:
            return False
        step *= size
    return True


def is_stand_in(x: Array) -> bool:
    """Whether a NumPy array, which must not be a view, stands for a device array."""
    return isinstance(x.base, SimpleNamespace)


def current_stream(x: Any, interface: dict[str, Any]) -> Any:
    """The stream on which an array's library works now; None is CUDA's default stream."""
    if torch := _library(x, "torch", "Tensor"):
        return torch.cuda.current_stream(x.device)
    if cupy := _library(x, "cupy", "ndarray"):
        return cupy.cuda.get_current_stream()
    return interface.get("stream")


def on_stream(x: Any, handle: int) -> Any:
    """A context in which an array's library allocates, and later reuses, memory in the order of a stream."""
    if torch := _library(x, "torch", "Tensor"):
        default = torch.cuda.default_stream(x.device)
        return torch.cuda.stream(torch.cuda.ExternalStream(handle, x.device) if handle else default)
    if cupy := _library(x, "cupy", "ndarray"):
        return cupy.cuda.ExternalStream(handle) if handle else cupy.cuda.Stream.null
    return nullcontext()


def empty(like: Any, shape: tuple[int, ...], axes: list[int], dtype: DType) -> Any:
    """A new array from an array's library, contiguous in the order of its axes."""
    ordered = [shape[axis] for axis in axes]
    back = [axes.index(axis) for axis in range(len(axes))]
    straight = axes == sorted(axes)
    narrow = is_bfloat16(dtype)
    if torch := _library(like, "torch", "Tensor"):
        name = "bfloat16" if narrow else dtype.name
        new = torch.empty(ordered, dtype=getattr(torch, name), device=like.device)
        return new if straight else new.permute(back)
    dtype = getattr(like, "dtype", dtype) if narrow else dtype
    if cupy := _library(like, "cupy", "ndarray"):
        with like.device:
            new = cupy.empty(ordered, dtype)
            return new if straight else new.transpose(back)
    from fastloss._cuda.access import cuda  # loads numba.cuda, which is optional

    strides, step = [0] * len(shape), dtype.itemsize
    for axis, size in zip(reversed(axes), reversed(ordered), strict=True):
        strides[axis], step = step, step * size
    return cuda.device_array(shape, dtype, tuple(strides))


def _library(x: Any, name: str, kind: str) -> ModuleType | None:
    """The library of that name, if an array is one of its own."""
    module = sys.modules.get(name)
    return module if module is not None and isinstance(x, getattr(module, kind, ())) else None
