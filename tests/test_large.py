"""Arrays of more elements than 32 bits can count, in little memory."""

import ctypes
import mmap
import os

import numpy as np
import pytest

from fastloss import squared_error
from fastloss._cpu import threads as _threads

MANY = (1 << 31) + (3 << 20)
UNIT = 1 << 22  # bytes
MAP_FIXED, MAP_NORESERVE = 0x10, 0x4000  # constants of Linux that the module mmap lacks


class Folded:
    """Large arrays over two units of memory: one for the last unit of an array, one for all others."""

    def __init__(self):
        self.file = os.memfd_create("folded")
        self.places = 0
        libc = ctypes.CDLL(None, use_errno=True)
        libc.mmap.restype = ctypes.c_void_p
        libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
        self.map = libc.mmap

    def array(self, many, last, dtype=np.float32):
        """An array of MANY elements: `last` in its last unit, `many` in all others."""
        size = MANY * np.dtype(dtype).itemsize
        start, self.places = self.places, self.places + 2 * UNIT
        os.ftruncate(self.file, self.places)
        reserved = mmap.mmap(-1, size, mmap.MAP_PRIVATE | MAP_NORESERVE)
        address = ctypes.addressof(ctypes.c_char.from_buffer(reserved))
        for lo in range(0, size, UNIT):
            place = start + (UNIT if lo + UNIT == size else 0)
            protection = mmap.PROT_READ | mmap.PROT_WRITE
            found = self.map(address + lo, UNIT, protection, mmap.MAP_SHARED | MAP_FIXED, self.file, place)
            assert found == address + lo, os.strerror(ctypes.get_errno())
        array = np.frombuffer(reserved, dtype)
        array[: UNIT // array.itemsize] = many
        array[-UNIT // array.itemsize :] = last
        return array


@pytest.fixture
def folded():
    if not hasattr(os, "memfd_create"):
        pytest.skip("memory can be mapped twice by memfd_create, which only Linux has")
    maker = Folded()
    yield maker
    os.close(maker.file)


LAST = UNIT // 4
SUM = (MANY - LAST) * 1.0 + LAST * 9.0


@pytest.mark.parametrize("threads", [1, 2])
def test_one_launch_over_more_than_2_to_the_31_elements(threads, folded, monkeypatch):
    monkeypatch.setattr(_threads, "threads", lambda: threads)
    pred, target, out = folded.array(1, 3), folded.array(0, 0), folded.array(0, 0)
    value, grad = squared_error.value_and_grad(pred, target, reduction="sum", grad_out=out)
    assert value == SUM
    assert grad is out
    assert grad[0] == grad[LAST - 1] == grad[-LAST - 1] == 2
    assert grad[-LAST] == grad[-1] == 6


@pytest.mark.parametrize("threads", [1, 2])
def test_blocks_of_more_than_2_to_the_31_elements(threads, folded, monkeypatch):
    monkeypatch.setattr(_threads, "threads", lambda: threads)
    pred, out = folded.array(1, 3), folded.array(0, 0)
    value, grad = squared_error.value_and_grad(pred, 0.0, reduction="sum", grad_out=out)
    assert value == SUM
    assert grad[0] == grad[-LAST - 1] == 2
    assert grad[-LAST] == grad[-1] == 6


def test_broadcast_operands_of_more_than_2_to_the_31_elements():
    one = np.broadcast_to(np.float32(3), (1 << 16, (1 << 15) + 1))
    weight = np.ones((1 << 16, 1), np.float32)
    weight[-1] = 2
    assert one.size > 1 << 31
    assert squared_error(one, 1.0, weight=weight, reduction="sum") == 4.0 * (one.size + one.shape[1])
    where = np.zeros(one.shape[1], bool)
    where[-1] = True
    assert squared_error(one, np.float32(1), where=where, reduction="sum") == 4.0 * (1 << 16)
    assert squared_error(one, np.float32(1), where=where) == 4.0
