"""Code for fresh processes in which fastloss computes beside other work of the host."""

from tests.subprocesses import answer, run_python

# Two threads even on one processor. The lower threshold for threads keeps the tests quick.
TWO = {"NUMBA_NUM_THREADS": "2"}
SETUP = """
import json, os, signal, sys, threading
import numpy as np
import fastloss
from fastloss._cpu import contention as _crowd
from fastloss._cpu import launch as _launch

_crowd.PATIENCE = float("inf")  # use threads, however busy this machine is
_launch.PARALLEL_FROM = 1 << 15
rng = np.random.default_rng(0)
pred, target = rng.standard_cauchy((2, (1 << 15) + 3))

def went_parallel():
    return any(variant.parallel for variant in fastloss.huber._kernels)

def computed():
    # The outputs as text. The gradient goes to memory that holds other numbers, which must be overwritten.
    grad = np.full(pred.size, 7.0, pred.dtype)
    value, _ = fastloss.huber.value_and_grad(pred, target, delta=2.0, grad_out=grad)
    return value.hex() + grad.tobytes().hex()

def expected():
    threshold, _launch.PARALLEL_FROM = _launch.PARALLEL_FROM, 1 << 62
    try:
        return computed()
    finally:
        _launch.PARALLEL_FROM = threshold
"""


def in_process(code, **env):
    return answer(run_python(SETUP + code, env=TWO | env))
