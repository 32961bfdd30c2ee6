"""Stand-ins for PyTorch and CuPy: what fastloss uses of their arrays, streams and modules."""

import sys
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace

import numpy as np

from .conftest import Foreign


class Array(Foreign):
    """An array with those methods of PyTorch and CuPy that fastloss calls."""

    def __init__(self, host, device=None):
        super().__init__(host)
        self.seen, self.device = host, device

    requires_grad, is_cuda, layout = False, True, "strided"

    @property
    def shape(self):
        return self.seen.shape

    @property
    def dtype(self):
        return self.seen.dtype

    def data_ptr(self):
        return self.__cuda_array_interface__["data"][0]

    def stride(self):
        return tuple(step // self.seen.itemsize for step in self.seen.strides)

    def is_contiguous(self):
        return self.seen.flags.c_contiguous

    def permute(self, axes):
        return type(self)(self.seen.transpose(axes), self.device)

    transpose = permute


class Streams:
    """The current stream of a library, and the stream on which each array was made."""

    def __init__(self, handle):
        self.now, self.made_on = handle, []

    def empty(self, shape, dtype=None, device=None):
        self.made_on.append(self.now)
        return Array(np.empty(shape, dtype), device)

    @contextmanager
    def using(self, handle):
        before, self.now = self.now, handle
        yield
        self.now = before


def torch():
    """Stand in for what fastloss uses of PyTorch."""
    streams = Streams(70)
    cuda = SimpleNamespace(
        current_stream=lambda device: SimpleNamespace(cuda_stream=streams.now + int(device[-1])),
        default_stream=lambda device: 0,
        ExternalStream=lambda handle, device: handle,
        stream=streams.using,
    )
    types = {"float32": np.float32, "float64": np.float64, "bfloat16": "bfloat16"}
    return {
        "Tensor": Array,
        "strided": "strided",
        "empty": streams.empty,
        "cuda": cuda,
        "streams": streams,
    } | types


def cupy():
    """Stand in for what fastloss uses of CuPy."""
    streams = Streams(70)
    cuda = SimpleNamespace(
        get_current_stream=lambda: SimpleNamespace(ptr=streams.now),
        ExternalStream=streams.using,
        Stream=SimpleNamespace(null=streams.using(0)),
    )
    return {"ndarray": Array, "empty": streams.empty, "cuda": cuda, "streams": streams}


class RequiresGrad(Array):
    """A tensor that is learnt, whose interface PyTorch refuses to tell."""

    @property
    def __cuda_array_interface__(self):
        raise RuntimeError("Can't get __cuda_array_interface__ on Variable that requires grad.")


def stand_in(monkeypatch, name, members):
    """Put a module with these members in the place of a library."""
    module = ModuleType(name)
    vars(module).update(members)
    monkeypatch.setitem(sys.modules, name, module)
    return module
