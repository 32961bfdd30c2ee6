"""Unexpected internals of Numba: the same results through its public interface."""

import ctypes

import numba
import numpy as np
import pytest
from numba import types

from fastloss._compile import numba_internals
from tests.subprocesses import answer, run_python

CHANGED = """
import json
import numpy as np
from fastloss import huber
from fastloss._compile import numba_internals

class Changed:
    # A dispatcher of another version of Numba, which can be called and has its Python function.
    def __init__(self, dispatcher):
        self.py_func, self.call = dispatcher.py_func, dispatcher

    def __call__(self, *args):
        return self.call(*args)

entry_point, address = numba_internals.entry_point, numba_internals.address
called = []
if {changed}:
    def changed(way):
        return lambda dispatcher, *rest: called.append(way.__name__) or way(Changed(dispatcher), *rest)

    numba_internals.entry_point, numba_internals.address = changed(entry_point), changed(address)

rng = np.random.default_rng(0)
pred, target, weight = rng.standard_normal((3, 40, 600)).astype(np.float32)
found = [huber.value_and_grad(pred[:, ::2], x, delta=0.5) for x in (target[:, ::2], target[::-1, 300:])]
found += [huber.value_and_grad(pred.T, target.T, weight=abs(weight[:1].T)) for _ in range(3)]
print(json.dumps([[[value, grad.tolist()] for value, grad in found], sorted(set(called))]))
"""


@numba.njit
def doubled(place, size):
    x = numba.carray(place, size)
    for k in range(size):
        x[k] *= 2


SIGNATURE = types.CPointer(types.float64), types.int64


class Changed:
    """A dispatcher of another version of Numba."""

    def __init__(self, dispatcher):
        self.py_func = dispatcher.py_func


@pytest.mark.parametrize("way", [lambda dispatcher: dispatcher, Changed])
def test_the_address_of_a_function_can_be_called(way):
    doubled.compile(SIGNATURE)
    x = np.arange(5.0)
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)
    function(numba_internals.address(way(doubled), SIGNATURE))(x.ctypes.data, 4)
    assert x.tolist() == [0, 2, 4, 6, 4]


def test_what_has_no_entry_point_is_called_itself():
    dispatcher = Changed(doubled)
    assert numba_internals.entry_point(dispatcher) is dispatcher


def test_the_processor_is_told_by_llvm_too(monkeypatch):
    usual = numba_internals.processor()
    monkeypatch.setattr(numba_internals, "cpu_target", object())
    triple, name, features = numba_internals.processor()
    assert str(triple) == str(usual[0])
    assert name == usual[1] or "generic" in str(usual[1])
    assert isinstance(features, str)


def test_results_are_the_same_where_numbas_inside_has_changed():
    usual, none = answer(run_python(CHANGED.format(changed=False)))
    found, ways = answer(run_python(CHANGED.format(changed=True)))
    assert found == usual
    assert none == []
    assert ways == ["address", "entry_point"]
