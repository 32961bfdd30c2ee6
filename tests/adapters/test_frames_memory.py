"""Arrays of other libraries are read in place, without a copy, and never written."""

import array
import sys

import jax.numpy as jnp
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import xarray as xr

import fastloss
from fastloss import huber
from fastloss._rules.foreign import of_dlpack
from fastloss._rules.foreign.operands import as_array

P, T = np.random.default_rng(7).standard_cauchy((2, 1000))
BLOCK = np.asfortranarray(np.stack([P, T], 1))


class Spoken:
    """An array that supports DLPack and nothing else."""

    def __init__(self, x, device=None, **known):
        self.x, self.device, self.known = x, device, known

    def __dlpack_device__(self):
        return self.device or self.x.__dlpack_device__()

    def __dlpack__(self, *, stream=None, **options):
        return self.x.__dlpack__(**(options if not self.known else {}))


def read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


def of_buffer(x):
    """An Arrow column over the memory of a NumPy array, with an offset."""
    return pa.Array.from_buffers(pa.float64(), len(x) - 1, [None, pa.py_buffer(x)], offset=1)


#: For each kind an object, and the NumPy array whose memory it should share, or None.
PLAIN = {
    "series": lambda: (pd.Series(P, copy=False), P),
    "nullable series": lambda: (pd.Series(pd.array(P, dtype="Float64", copy=False)), None),
    "Arrow series": lambda: (pd.Series(pd.arrays.ArrowExtensionArray(of_buffer(P))), P[1:]),
    "frame": lambda: (pd.DataFrame(BLOCK, copy=False), BLOCK),
    "column of a frame": lambda: (pd.DataFrame(BLOCK, copy=False)[1], BLOCK[:, 1]),
    "frame of one column": lambda: (pd.DataFrame({"x": pd.array(P, dtype="Float64")}), None),
    "polars": lambda: (pl.Series(P), None),
    "polars slice": lambda: (pl.Series(P)[3:], None),
    "polars frame of one column": lambda: (pl.DataFrame({"x": P}), None),
    "pyarrow": lambda: (of_buffer(P), P[1:]),
    "pyarrow slice": lambda: (of_buffer(P)[4:], P[5:]),
    "pyarrow chunk": lambda: (pa.chunked_array([of_buffer(P)]), P[1:]),
    "pyarrow half floats": lambda: (pa.array(P.astype(np.float16)), None),
    "pyarrow table of one column": lambda: (pa.table({"x": of_buffer(P)}), P[1:].reshape(-1, 1)),
    "xarray": lambda: (xr.DataArray(P, dims="t"), P),
    "xarray transposed": lambda: (xr.DataArray(BLOCK, dims=("t", "x")).T, BLOCK.T),
    "JAX": lambda: (jnp.asarray(P, np.float32), None),
    "polars frame of columns side by side": lambda: (pl.DataFrame(BLOCK), None),
    "DLPack": lambda: (Spoken(P), P),
    "DLPack behind an offset": lambda: (Spoken(P[3::2]), P[3::2]),
    "DLPack of two axes": lambda: (Spoken(BLOCK[2:]), BLOCK[2:]),
    "DLPack before 1.0": lambda: (Spoken(P, old=True), P),
}


@pytest.mark.parametrize("kind", PLAIN)
def test_arrays_without_missing_numbers_are_not_copied(kind):
    x, lies = PLAIN[kind]()
    first, second = (np.asarray(as_array("", "pred", x)) for _ in range(2))
    assert np.shares_memory(first, second)
    if lies is not None:
        assert first.__array_interface__["data"][0] == lies.__array_interface__["data"][0]
        assert first.strides == lies.strides
    assert huber(x, 0.0) == huber(first, 0.0)


def test_jaxs_memory_is_read_where_it_lies():
    x = jnp.asarray(P, np.float32)
    assert np.asarray(as_array("", "pred", x)).ctypes.data == x.unsafe_buffer_pointer()
    for dtype in ("float16", "float32", "bfloat16", "int32"):
        x = jnp.asarray([0.5, 3.0, -4.0], dtype)
        value, grad = huber.value_and_grad(x, jnp.zeros(3, dtype), reduction="none")
        assert type(value) is type(grad) is np.ndarray
        np.testing.assert_array_equal(np.asarray(grad, float), np.clip(np.asarray(x, float), -1, 1))
    assert grad.dtype == np.float64
    with pytest.raises(TypeError, match="must be a NumPy array, got"):
        huber.grad(P, T, grad_out=jnp.zeros(1000))


def test_read_only_arrays_are_read():
    assert huber(Spoken(read_only(P)), Spoken(read_only(T))) == huber(P, T)
    with pytest.raises(TypeError, match="huber: grad_out must be a NumPy array, got Spoken"):
        huber.grad(P, T, grad_out=Spoken(T.copy()))


class OnGpu:
    """A device array that xarray can hold."""

    shape, ndim, dtype = (3,), 1, np.dtype(float)
    __cuda_array_interface__ = {"shape": (3,), "typestr": "<f8", "data": (64, False), "version": 3}  # noqa: RUF012

    def __array_function__(self, *_):
        return NotImplemented

    def __array_ufunc__(self, *_):
        return NotImplemented


def test_what_xarray_holds_on_a_device_is_handed_on():
    there = OnGpu()
    assert as_array("huber", "pred", xr.DataArray(there, dims="t")) is there


def test_every_operand_may_speak_dlpack():
    keep, weight = P > 0, abs(T)
    given = {"weight": Spoken(weight), "where": Spoken(keep), "delta": Spoken(weight + 1)}
    expected = huber.value_and_grad(P, T, weight=weight, where=keep, delta=weight + 1)
    value, grad = huber.value_and_grad(Spoken(P), Spoken(T), **given)
    assert value == expected[0]
    np.testing.assert_array_equal(grad, expected[1])
    spoken, plain = fastloss.DynamicSmoothL1(interval=1), fastloss.DynamicSmoothL1(interval=1)
    assert spoken(Spoken(P), Spoken(T), where=Spoken(keep)) == plain(P, T, where=keep)
    assert spoken.beta == plain.beta < 1


class Refusing(Spoken):
    def __dlpack__(self, **options):
        raise BufferError("this memory cannot be shared")


class Buffered(Refusing, array.array):
    """An array without DLPack that NumPy can read through the buffer protocol."""

    def __new__(cls, x):
        return super().__new__(cls, "d", x)


class Converted(Refusing):
    def __array__(self, dtype=None, copy=None):
        return self.x


@pytest.mark.parametrize("kind", [Buffered, Converted])
def test_an_array_that_numpy_reads_in_another_way_is_read_so(kind):
    assert huber(kind(P), T) == huber(P, kind(T)) == huber(P, T)


def test_an_array_that_cannot_be_shared_is_named():
    with pytest.raises(
        TypeError, match=r"huber: target must hold real numbers .*, got Refusing: this memory"
    ):
        huber(P, Refusing(T))
    with pytest.raises(TypeError, match="huber: pred must hold real numbers of at most 64 bits"):
        huber(Spoken(P.astype(complex)), 0.0)
    with pytest.raises(TypeError, match=r"huber: pred must hold real numbers .*, got Spoken: "):
        huber(Spoken(jnp.zeros(3, "bfloat16")), 0.0)


ON_DEVICE = {
    "float64": np.arange(12.0).reshape(3, 4),
    "strided": np.arange(12.0).reshape(3, 4)[::-1, 1::2],
    "float16": np.arange(3, dtype=np.float16),
    "int8": np.arange(3, dtype=np.int8),
    "uint64": np.arange(3, dtype=np.uint64),
    "bool": np.arange(3) > 1,
    "empty": np.empty((0, 3)),
}


@pytest.mark.parametrize("old", [False, True], ids=["versioned", "before 1.0"])
@pytest.mark.parametrize("kind", ON_DEVICE)
def test_what_dlpack_says_of_an_array_is_read_as_numpy_says_it(kind, old):
    x = ON_DEVICE[kind]
    found = of_dlpack.array("huber", "pred", Spoken(x, (2, 0), **({"old": True} if old else {})))
    told, expected = found.__cuda_array_interface__, x.__array_interface__
    assert told["shape"] == x.shape
    assert told["typestr"] == expected["typestr"]
    assert not x.size or told["data"] == (expected["data"][0], False)
    assert not x.size or told["strides"] is None or told["strides"] == x.strides
    assert told["strides"] is not None or x.flags.c_contiguous


def test_what_dlpack_says_of_read_only_and_narrow_ones():
    found = of_dlpack.array("huber", "pred", Spoken(read_only(P), (13, 0)))
    assert found.__cuda_array_interface__["data"][1] is True
    found = of_dlpack.array("huber", "pred", Spoken(jnp.ones(3, "bfloat16"), (2, 0)))
    assert found.__cuda_array_interface__["typestr"] == "<V2"  # by which fastloss._cuda recognises bfloat16


def test_memory_is_kept_while_it_is_seen_and_given_back():
    x = P.copy()
    before = sys.getrefcount(x)
    found = of_dlpack.array("huber", "pred", Spoken(x, (2, 0)))
    del found.owner
    assert sys.getrefcount(x) > before
    del found
    assert sys.getrefcount(x) == before
