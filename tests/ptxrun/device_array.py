"""Arrays on the emulated device, whose memory is that of the host."""

import numpy as np
from numba.cuda import types
from numba.cuda.cudadrv import devicearray
from numba.cuda.np.numpy_support import from_dtype


class DeviceArray:
    """Stand-in for Numba's DeviceNDArray; `host` is its memory as a NumPy array, for tests to inspect."""

    __cuda_memory__ = True
    __cuda_ndarray__ = True

    def __init__(self, device, host, stream=0, owner=None):
        self._device, self.host, self.stream, self._owner = device, host, stream, owner
        self.shape, self.strides, self.dtype = host.shape, host.strides, host.dtype
        self.ndim, self.size, self.nbytes = host.ndim, host.size, host.nbytes

    @property
    def __cuda_array_interface__(self):
        return {
            "shape": self.shape,
            "strides": None if devicearray.is_contiguous(self) else self.strides,
            "data": (self.host.ctypes.data if self.size else 0, False),
            "typestr": self.dtype.str,
            "stream": int(self.stream) if self.stream else None,
            "version": 3,
        }

    @property
    def _numba_type_(self):
        repeats = 0 in self.strides and self.size
        packed = "C" if self.host.flags.c_contiguous else "F" if self.host.flags.f_contiguous else "A"
        return types.Array(from_dtype(self.dtype), self.ndim, "A" if repeats else packed)

    @property
    def flags(self):
        return {name: self.host.flags[name] for name in ("C_CONTIGUOUS", "F_CONTIGUOUS")}

    @property
    def T(self):
        return self._over(self.host.T)

    def is_c_contiguous(self):
        return self.host.flags.c_contiguous

    def is_f_contiguous(self):
        return self.host.flags.f_contiguous

    def _over(self, host):
        return DeviceArray(self._device, host, self.stream, self)

    def copy_to_host(self, ary=None, stream=0):
        self._device.calls["copy_to_host"] += 1
        if ary is None:
            return self.host.copy(order="K")
        devicearray.check_array_compatibility(self, ary)
        np.copyto(ary, self.host)
        return ary

    def copy_to_device(self, ary, stream=0):
        self._device.calls["copy_to_device"] += 1
        devicearray.sentry_contiguous(self)
        self.host[...] = ary.host if isinstance(ary, DeviceArray) else ary

    def __array__(self, dtype=None, copy=None):
        if copy is False:
            raise ValueError("a device array is always copied to the host")
        return self.copy_to_host().astype(dtype or self.dtype, copy=False)

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, item):
        part = self.host[item]
        return self._over(part) if isinstance(part, np.ndarray) else part

    def __setitem__(self, item, value):
        self.host[item] = value.host if isinstance(value, DeviceArray) else value

    def reshape(self, *shape, order="C"):
        host = self.host.reshape(*shape, order=order)
        if self.size and not np.shares_memory(host, self.host):
            raise NotImplementedError("operation requires copying")
        return self._over(host)

    def ravel(self, order="C", stream=0):
        return self.reshape(-1, order=order)

    def view(self, dtype):
        return self._over(self.host.view(dtype))
