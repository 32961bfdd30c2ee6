"""An emulated CUDA device, and arrays on it."""

import numpy as np
import pytest

import fastloss

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed: pip install 'fastloss[cuda13]'")

from tests import ptxrun


class Foreign:
    """An array of no library that fastloss knows, in memory that the emulated device shares with the host."""

    def __init__(self, host):
        self.host = host

    @property
    def __cuda_array_interface__(self):
        return {
            "shape": self.host.shape,
            "strides": self.host.strides,
            "typestr": self.host.dtype.str,
            "data": (self.host.ctypes.data, not self.host.flags.writeable),
            "version": 3,
        }


@pytest.fixture
def device():
    """A device on which numba.cuda's launches are executed instruction by instruction."""
    with ptxrun.emulated_device(order="random", seed=1) as emulated:
        yield emulated


def on_device(x):
    """Arrays, lists too, as arrays of the device; numbers and None stay."""
    if x is None or np.ndim(x) == 0:
        return x
    x = np.asarray(x)
    if not (x.dtype.isnative and x.flags.aligned):
        x = x.astype(x.dtype.newbyteorder("="))
    return Foreign(x)


def on_host(result, outs):
    """A result as the CPU gives it."""
    if isinstance(result, Foreign):
        return next(out for out in outs if out is result.host)
    return result.host if result.ndim else float(result.host)


@pytest.fixture
def everything_on_the_device(device, monkeypatch):
    """Calls on host arrays go to the device and back, so that the CPU's own tests try it."""
    usual = fastloss._loss.evaluate

    def evaluate(loss, call, pred, target, weight, where, reduction, normalizer, *rest):
        *outs, params, stream = rest
        if np.ndim(pred) == 0:
            return usual(
                loss, call, pred, target, weight, where, reduction, normalizer, *outs, params, stream
            )
        for out in outs:
            if out is not None and not (out.dtype.isnative and out.flags.aligned):
                pytest.skip("a device's arrays are aligned and of native byte order")
        operands = [on_device(x) for x in (pred, target, weight, where)]
        given = [None if out is None else Foreign(np.asarray(out)) for out in outs]
        params = {name: on_device(x) for name, x in params.items()}
        results = usual(loss, call, *operands, reduction, normalizer, *given, params, stream)
        hosts = [None if out is None else out.host for out in given]
        if isinstance(results, tuple):
            return tuple(on_host(result, hosts) for result in results)
        return on_host(results, hosts)

    monkeypatch.setattr(fastloss._loss, "evaluate", evaluate)


@pytest.fixture
def small_blocks():
    """What shortens the CPU's blocks has no meaning here."""
