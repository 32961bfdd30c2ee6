"""The emulated device runs the launch code of a package unchanged."""

import warnings

import numpy as np
import pytest
from numba import cuda, float32, types
from numba.cuda.core.errors import NumbaPerformanceWarning

from tests import ptxrun

from .kernels import F4, normal, optionally_scaled


@cuda.jit(device=True)
def square(x):
    return x * x


@cuda.jit
def squares(a, out, factor):
    i = cuda.grid(1)
    if i < a.size:
        out[i] = square(a[i]) * factor


@pytest.mark.filterwarnings("ignore::numba.cuda.core.errors.NumbaPerformanceWarning")
@pytest.mark.parametrize("cc", [(7, 5), (12, 0)])
def test_launch_code_runs_unchanged(cc):
    a, available = normal(1000), cuda.is_available
    with ptxrun.emulated_device(cc, stats=True) as device:
        assert cuda.get_current_device().compute_capability == cc and cuda.is_available()
        stream = cuda.stream()
        given = cuda.to_device(a, stream=stream)
        out = cuda.device_array_like(given)
        assert cuda.is_cuda_array(out) and np.isnan(out.host).all()
        squares[8, 128, stream](given, out, np.float32(2))
        stream.synchronize()
        assert np.array_equal(out.copy_to_host(), a * a * np.float32(2))
        (record,) = device.launches
        assert (record.name, record.grid, record.block) == ("squares", (8, 1, 1), (128, 1, 1))
        assert record.stream == int(stream.handle) and record.stats.stores.bytes == a.nbytes
        assert device.calls["synchronize"] == 1 and device.calls["copy_to_host"] == 1
    assert cuda.is_available is available


@pytest.mark.filterwarnings("ignore::numba.cuda.core.errors.NumbaPerformanceWarning")
def test_ways_to_compile_and_launch():
    a = normal(1000)
    with ptxrun.emulated_device():
        given, out = cuda.to_device(a), cuda.device_array(1000, np.float32)
        eager = cuda.jit("void(float32[::1], float32[::1], float32)")(squares.py_func)
        lazy = cuda.jit(squares.py_func)
        lazy.compile((F4, F4, float32))
        for factor, start in enumerate((squares.forall(1000), eager[8, 128], lazy[8, 128])):
            start(given, out, np.float32(factor + 1))
            assert np.array_equal(out.copy_to_host(), a * a * np.float32(factor + 1))


class Foreign:
    """An array of another library, which may use a stream of its own."""

    def __init__(self, host, stream=None):
        self.host = host
        self.__cuda_array_interface__ = {
            "shape": host.shape,
            "strides": None,
            "typestr": host.dtype.str,
            "data": (host.ctypes.data, not host.flags.writeable),
            "stream": stream,
            "version": 3,
        }


@pytest.mark.filterwarnings("ignore::numba.cuda.core.errors.NumbaPerformanceWarning")
def test_foreign_arrays():
    given, out = Foreign(normal(1000), stream=7), Foreign(np.zeros(1000, "f4"))
    with ptxrun.emulated_device() as device:
        squares[8, 128, cuda.external_stream(7)](given, out, np.float32(1))
        assert device.calls["synchronize"] == 1  # Numba waits for the stream that the array names
        assert np.array_equal(out.host, given.host**2)
        view = cuda.as_cuda_array(out)
        view[:3] = np.float32(5)
        assert out.host[:4].tolist() == [5, 5, 5, given.host[3] ** 2]
        assert view[1] == 5 and len(view[:10]) == 10 and view.reshape(10, 100).shape == (10, 100)


def test_what_numba_would_warn_of_or_refuse():
    with ptxrun.emulated_device():
        out = cuda.device_array(100, np.float32)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(NumbaPerformanceWarning, match="under-utilization"):
                squares[1, 128]
            warnings.filterwarnings("ignore", message=".*under-utilization")
            with pytest.raises(NumbaPerformanceWarning, match="Host array"):
                squares[1, 128](normal(100), out, np.float32(1))
            with pytest.raises(NotImplementedError, match="none"):
                cuda.jit(optionally_scaled)[1, 128](out, None, out)
            with pytest.raises(TypeError, match="Stream"):
                squares[1, 128, 12345]
            with pytest.raises(ValueError, match="contiguous"):
                cuda.to_device(normal(100)[::2])


class NoneAsZero:
    """An extension with which numba-cuda passes None, which it refuses otherwise."""

    def prepare_args(self, type, value, stream, retr):
        return (types.uint64, 0) if value is None else (type, value)


@pytest.mark.filterwarnings("ignore::numba.cuda.core.errors.NumbaPerformanceWarning")
def test_argument_extensions():
    scaled = cuda.jit(optionally_scaled, extensions=[NoneAsZero()])
    with ptxrun.emulated_device():
        a = cuda.to_device(normal(100))
        out = cuda.device_array_like(a)
        scaled[1, 128](a, None, out)
        assert np.array_equal(out.host, a.host)
        scaled[1, 128](a, a, out)
        assert np.array_equal(out.host, a.host**2)
