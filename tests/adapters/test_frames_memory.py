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
from tests.foreign import OnDevice, OnlyDLPack

P, T = np.random.default_rng(7).standard_cauchy((2, 1000))
BLOCK = np.asfortranarray(np.stack([P, T], 1))


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
    "DLPack": lambda: (OnlyDLPack(P), P),
    "DLPack behind an offset": lambda: (OnlyDLPack(P[3::2]), P[3::2]),
    "DLPack of two axes": lambda: (OnlyDLPack(BLOCK[2:]), BLOCK[2:]),
    "DLPack before 1.0": lambda: (OnlyDLPack(P, legacy=True), P),
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
    assert huber(OnlyDLPack(read_only(P)), OnlyDLPack(read_only(T))) == huber(P, T)
    with pytest.raises(TypeError, match="huber: grad_out must be a NumPy array, got OnlyDLPack"):
        huber.grad(P, T, grad_out=OnlyDLPack(T.copy()))


class OnGpu(OnDevice):
    """A device array that xarray can hold."""

    shape, ndim, dtype = (3,), 1, np.dtype(float)

    def __array_function__(self, *_):
        return NotImplemented

    def __array_ufunc__(self, *_):
        return NotImplemented


def test_what_xarray_holds_on_a_device_is_handed_on():
    there = OnGpu()
    assert as_array("huber", "pred", xr.DataArray(there, dims="t")) is there


def test_every_operand_may_speak_dlpack():
    keep, weight = P > 0, abs(T)
    given = {"weight": OnlyDLPack(weight), "where": OnlyDLPack(keep), "delta": OnlyDLPack(weight + 1)}
    expected = huber.value_and_grad(P, T, weight=weight, where=keep, delta=weight + 1)
    value, grad = huber.value_and_grad(OnlyDLPack(P), OnlyDLPack(T), **given)
    assert value == expected[0]
    np.testing.assert_array_equal(grad, expected[1])
    spoken, plain = fastloss.DynamicSmoothL1(interval=1), fastloss.DynamicSmoothL1(interval=1)
    assert spoken(OnlyDLPack(P), OnlyDLPack(T), where=OnlyDLPack(keep)) == plain(P, T, where=keep)
    assert spoken.beta == plain.beta < 1


class Refusing(OnlyDLPack):
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
        huber(OnlyDLPack(P.astype(complex)), 0.0)
    with pytest.raises(TypeError, match=r"huber: pred must hold real numbers .*, got OnlyDLPack: "):
        huber(OnlyDLPack(jnp.zeros(3, "bfloat16")), 0.0)


ON_DEVICE = {
    "float64": np.arange(12.0).reshape(3, 4),
    "strided": np.arange(12.0).reshape(3, 4)[::-1, 1::2],
    "float16": np.arange(3, dtype=np.float16),
    "int8": np.arange(3, dtype=np.int8),
    "uint64": np.arange(3, dtype=np.uint64),
    "bool": np.arange(3) > 1,
    "empty": np.empty((0, 3)),
}


@pytest.mark.parametrize("legacy", [False, True], ids=["versioned", "before 1.0"])
@pytest.mark.parametrize("kind", ON_DEVICE)
def test_what_dlpack_says_of_an_array_is_read_as_numpy_says_it(kind, legacy):
    x = ON_DEVICE[kind]
    found = of_dlpack.array("huber", "pred", OnlyDLPack(x, (2, 0), legacy=legacy))
    told, expected = found.__cuda_array_interface__, x.__array_interface__
    assert told["shape"] == x.shape
    assert told["typestr"] == expected["typestr"]
    assert not x.size or told["data"] == (expected["data"][0], False)
    assert not x.size or told["strides"] is None or told["strides"] == x.strides
    assert told["strides"] is not None or x.flags.c_contiguous


def test_what_dlpack_says_of_read_only_and_narrow_ones():
    found = of_dlpack.array("huber", "pred", OnlyDLPack(read_only(P), (13, 0)))
    assert found.__cuda_array_interface__["data"][1] is True
    found = of_dlpack.array("huber", "pred", OnlyDLPack(jnp.ones(3, "bfloat16"), (2, 0)))
    assert found.__cuda_array_interface__["typestr"] == "<V2"  # by which fastloss._cuda recognises bfloat16


def test_memory_is_kept_while_it_is_seen_and_given_back():
    x = P.copy()
    before = sys.getrefcount(x)
    found = of_dlpack.array("huber", "pred", OnlyDLPack(x, (2, 0)))
    del found.owner
    assert sys.getrefcount(x) > before
    del found
    assert sys.getrefcount(x) == before
