"""A CUDA device, emulated or real, and arrays on it."""

import ctypes
import struct
from types import SimpleNamespace

import numpy as np
import pytest

import fastloss

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed: pip install 'fastloss[cuda13]'")

from numba import cuda, types
from numba.np.numpy_support import as_dtype

from fastloss._cuda import direct as _direct
from fastloss._cuda import engine as _device
from fastloss._cuda import queues as _cuda_queues
from tests import ptxrun
from tests.ptxrun.arguments import Arguments

# Cases of each CPU test that are run: there are 2,000, and a kernel takes a second to compile.
MOST_CASES = 12

_memories = {}  # by the id of an array that owns memory: the array, and its bytes on the device


class Foreign:
    """A device array of an unknown library. Copies of views of one host array share memory on the device."""

    def __init__(self, host):
        owner = host
        while getattr(owner, "base", None) is not None:
            owner = owner.base
        low, high = np.lib.array_utils.byte_bounds(owner if isinstance(owner, np.ndarray) else host)
        if id(owner) not in _memories:
            there = (ctypes.c_char * (high - low)).from_address(low)
            _memories[id(owner)] = owner, cuda.to_device(np.frombuffer(there, np.uint8) if high > low else [])
        self.memory = _memories[id(owner)][1]
        self.offset = host.ctypes.data - low
        self.form = host.shape, host.dtype, host.strides
        self.writeable = host.flags.writeable

    @property
    def __cuda_array_interface__(self):
        shape, dtype, strides = self.form
        address = self.memory.__cuda_array_interface__["data"][0] + self.offset
        described = {"shape": shape, "strides": strides, "typestr": dtype.str}
        return described | {"data": (address if np.prod(shape) else 0, not self.writeable), "version": 3}

    def copy_to_host(self):
        shape, dtype, strides = self.form
        return np.ndarray(shape, dtype, self.memory.copy_to_host().tobytes(), self.offset, strides)


def fresh():
    """Clear what calls on another device have cached."""
    _memories.clear()
    _cuda_queues._queues.known.clear()
    _device._queues.cache_clear()


class Straight:
    """Emulate what direct launches need of the driver and of the internals of numba-cuda."""

    def __init__(self, device):
        self.device, self.kernels = device, []

    def function_of(self, kernel):
        self.kernels.append(kernel)
        return len(self.kernels)

    def parameters_of(self, kernel, args):
        for kind, value in _direct.leaves_of(kernel.signature, args):
            found = Arguments([kind], [value])
            yield [int.from_bytes(word, "little", signed=True) for word in found.parameters]

    def start(self, function, blocks, threads, stream, parameters):
        kernel = self.kernels[function - 1]
        kinds = list(self._flat(kernel.signature))
        count = sum(5 + 2 * kind.ndim if isinstance(kind, types.Array) else 1 for kind in kinds)
        addresses = (ctypes.c_void_p * count).from_address(parameters)
        words = iter([ctypes.c_int64.from_address(address).value for address in addresses])
        values = [self._value(kind, words) for kind in kinds]
        arguments = Arguments(kinds, values)
        shape = (blocks, 1, 1), (threads, 1, 1), 0
        stats = kernel.program.launch(kernel.entry, arguments, shape, **self.device.options)
        record = ptxrun.LaunchRecord("kernel", *shape[:2], stream, 0, kernel, stats)
        self.device.launches.append(record)

    def _flat(self, kinds):
        for kind in kinds:
            yield from self._flat(kind) if isinstance(kind, types.BaseTuple) else [kind]

    def _value(self, kind, words):
        if not isinstance(kind, types.Array):
            word = next(words)
            return struct.unpack("d", struct.pack("q", word))[0] if kind == types.float64 else word
        *_, data = (next(words) for _ in range(5))
        shape, strides = (tuple(next(words) for _ in range(kind.ndim)) for _ in range(2))
        described = {"shape": shape, "strides": strides, "data": (data, False), "version": 3}
        return SimpleNamespace(__cuda_array_interface__=described | {"typestr": as_dtype(kind.dtype).str})


@pytest.fixture
def emulated(monkeypatch):
    """An emulated device that executes and counts the instructions of each launch."""
    fresh()
    monkeypatch.setattr(_cuda_queues, "device_at", lambda address: 0)
    monkeypatch.setattr(_cuda_queues, "device_count", lambda: 1)
    monkeypatch.setattr(_cuda_queues, "stream_id", lambda handle: handle)
    monkeypatch.setattr(_cuda_queues, "is_capturing", lambda handle: False)
    with ptxrun.emulated_device(order="random", seed=1) as device:
        monkeypatch.setattr(_cuda_queues, "current_device", lambda: device.numba_device.id)
        straight = Straight(device)
        for name in ("function_of", "parameters_of", "start"):
            monkeypatch.setattr(_direct, name, getattr(straight, name))
        yield device
    fresh()


@pytest.fixture(params=["emulated", "gpu"] if cuda.is_available() else ["emulated"])
def device(request):
    """Each available device: the emulated one, and a GPU if there is one."""
    if request.param == "gpu":
        fresh()
    else:
        request.getfixturevalue("emulated")
    return request.param


def on_device(x):
    """Turn arrays and lists into device arrays; return numbers and None as they are."""
    if isinstance(x, np.ma.MaskedArray):
        pytest.skip("only the host has masked arrays")
    try:
        x = np.asarray(x) if np.ndim(x) else x
    except ValueError:
        pytest.skip("this is no array")
    if not isinstance(x, np.ndarray):
        return x
    if x.dtype.kind == "c" and not x.ndim:
        pytest.skip("an array of one number is a number on the host alone")
    if not (x.dtype.isnative and x.flags.aligned):
        x = x.astype(x.dtype.newbyteorder("="))
    return Foreign(x)


def on_host(result):
    """Turn a result into the form that a call on the CPU returns."""
    if isinstance(result, np.ndarray):
        return result
    found = result.copy_to_host()
    return found if found.ndim else float(found)


@pytest.fixture
def everything_on_the_device(device, monkeypatch):
    """Compute calls on host arrays on the device, so that the tests of the CPU test the device."""
    usual = fastloss._loss.evaluate

    def evaluate(loss, call, pred, target, weight, where, reduction, normalizer, *rest):
        outs, params, *others = rest
        if not np.iterable(pred):
            return usual(loss, call, pred, target, weight, where, reduction, normalizer, *rest)
        if outs[0] is not None and reduction != "none":
            pytest.skip("a device's reduced value can be written to an array")
        for out in outs:
            if out is not None and (not isinstance(out, np.ndarray) or np.ma.isMaskedArray(out)):
                pytest.skip("only the host has such outputs")
            if isinstance(out, np.ndarray) and not (out.dtype.isnative and out.flags.aligned):
                pytest.skip("a device's arrays are aligned and of native byte order")
        _memories.clear()
        operands = [on_device(x) for x in (pred, target, weight, where)]
        given = tuple(Foreign(np.asarray(out)) if isinstance(out, np.ndarray) else out for out in outs)
        params = {name: on_device(x) for name, x in params.items()}
        try:
            results = usual(loss, call, *operands, reduction, normalizer, given, params, *others)
        finally:
            for out, there in zip(outs, given, strict=True):
                if isinstance(there, Foreign) and out.flags.writeable:
                    out[...] = there.copy_to_host()
        back = {id(there): out for out, there in zip(outs, given, strict=True)}
        if isinstance(results, tuple):
            return tuple(on_host(back.get(id(result), result)) for result in results)
        return on_host(back.get(id(results), results))

    monkeypatch.setattr(fastloss._loss, "evaluate", evaluate)


@pytest.fixture
def few_threads():
    """Replace the fixture of the CPU: the number of its threads does not matter here."""


def pytest_collection_modifyitems(config, items):
    """Run evenly spread cases of each CPU test, or all of them if the command line names a test."""
    if any("::" in argument for argument in config.args):
        return
    cases = {}
    for item in items:
        if item.path.name == "test_same_tests.py":
            cases.setdefault(item.originalname, []).append(item)
    kept = {
        id(found[k * len(found) // MOST_CASES]) for found in cases.values() for k in range(MOST_CASES)
    } | {id(item) for item in items if item.path.name != "test_same_tests.py"}
    config.hook.pytest_deselected(items=[item for item in items if id(item) not in kept])
    items[:] = [item for item in items if id(item) in kept]
