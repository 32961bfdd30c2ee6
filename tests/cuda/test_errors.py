"""Errors of calls on device arrays."""

import numpy as np
import pytest
from numba import cuda

import fastloss
from fastloss import huber

from .conftest import Foreign

A = np.ones(3)


class Masked(Foreign):
    @property
    def __cuda_array_interface__(self):
        return super().__cuda_array_interface__ | {"mask": Foreign(A > 0)}


class OnNoDevice:
    __cuda_array_interface__ = {  # noqa: RUF012
        "shape": (3,),
        "typestr": "<f8",
        "data": (A.ctypes.data, False),
        "version": 3,
    }


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: huber(Foreign(A), A), TypeError, "pred on a CUDA device, target on the host: expected all"),
        (lambda: huber(A, Foreign(A)), TypeError, "target on a CUDA device, pred on the host"),
        (lambda: huber(1.0, Foreign(A)), TypeError, "target on a CUDA device, pred on the host"),
        (
            lambda: huber(Foreign(A), Foreign(A), delta=[1.0, 2.0, 3.0]),
            TypeError,
            "pred and target on a CUDA device, delta on the host",
        ),
        (
            lambda: huber(Foreign(A), 0.0, weight=range(3)),
            TypeError,
            "pred on a CUDA device, weight on the host",
        ),
        (
            lambda: huber.grad(Foreign(A), 0.0, grad_out=np.empty(3)),
            TypeError,
            "pred on a CUDA device, grad_out on the host",
        ),
        (lambda: huber(Foreign(A), Foreign(A[:2])), ValueError, "target must have pred's shape"),
        (lambda: huber(Foreign(A), Foreign(A[:, None])), ValueError, "target must broadcast to pred's shape"),
        (lambda: huber(Foreign(A + 1j), 0.0), TypeError, "pred must hold real numbers"),
        (lambda: huber(Foreign(A.astype("M8[s]")[::2]), 0.0), TypeError, "pred must hold real numbers"),
        (lambda: huber(Foreign(A.astype(">f8")), 0.0), TypeError, "pred must be aligned and of native byte"),
        (
            lambda: huber(Masked(A), 0.0),
            TypeError,
            "pred has a mask, which is not supported: pass it as where=",
        ),
        (
            lambda: huber(Foreign(np.zeros(25, "i1")[1:].view("f8")), 0.0),
            TypeError,
            "pred must be aligned and of native byte order",
        ),
        (lambda: huber(Foreign(A), 0.0, delta=-1.0), ValueError, "delta must be a number > 0"),
        (lambda: huber(Foreign(A), 0.0, where=Foreign(A)), TypeError, "where must hold booleans"),
        (lambda: huber(Foreign(A), 0.0, dleta=1.0), TypeError, "unknown keyword 'dleta'"),
        (
            lambda: huber.grad(Foreign(A), 0.0, grad_out=Foreign(np.empty(4))),
            ValueError,
            "grad_out must have shape (3,)",
        ),
        (
            lambda: huber.grad(Foreign(A), Foreign(B := np.ones(5)[1:4]), grad_out=Foreign(B.base[:3])),
            ValueError,
            "grad_out overlaps target",
        ),
    ],
)
def test_bad_input_is_named(call, kind, message, emulated):
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value).startswith("huber: ")
    assert message in str(caught.value)
    assert not emulated.launches


def test_a_loss_that_cuda_cannot_compile_is_named_with_the_line(device):
    @fastloss.loss
    def ranked(pred, target):
        return sorted([pred, target])[0], pred - target, 0.0

    with pytest.raises(
        TypeError, match=r"loss ranked \(.*test_errors.py, line \d+\) cannot be compiled"
    ) as caught:
        ranked(Foreign(A), 0.0)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("weight", [-1.0, np.nan, np.inf, np.float32(-1)])
def test_a_weight_that_is_a_number_of_the_host_is_checked(weight, emulated):
    with pytest.raises(ValueError, match="huber: weight must be a finite number >= 0, got"):
        huber(Foreign(A), 0.0, weight=weight)


def test_without_a_driver_the_reason_is_told(monkeypatch):
    monkeypatch.setattr(cuda, "is_available", lambda: False)
    monkeypatch.setattr(cuda, "cuda_error", lambda: "CUDA_ERROR_NO_DEVICE (100)")
    fastloss._cuda.engine._queues.cache_clear()
    with pytest.raises(
        RuntimeError, match=r"huber: no CUDA device can be used: CUDA_ERROR_NO_DEVICE \(100\)"
    ):
        huber(OnNoDevice(), 0.0)


@pytest.mark.skipif(cuda.is_available(), reason="there is a driver")
def test_without_a_driver_numbas_own_reason_is_told():
    fastloss._cuda.engine._queues.cache_clear()
    with pytest.raises(RuntimeError, match=r"huber: no CUDA device can be used: .*driver"):
        huber(OnNoDevice(), 0.0)


def test_without_numba_cuda_the_line_to_install_is_told(monkeypatch, emulated):
    monkeypatch.setattr("fastloss._cuda.engine.find_spec", lambda name: None)
    fastloss._cuda.engine._queues.cache_clear()
    with pytest.raises(
        ImportError, match=r"huber: CUDA arrays need numba-cuda: pip install 'fastloss\[cuda13\]'"
    ):
        huber(Foreign(A), 0.0)
