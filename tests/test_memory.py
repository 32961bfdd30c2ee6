"""One pass: whatever a call returns, it takes no memory of the input's size besides its outputs."""

import os

import pytest

from tests.subprocesses import answer, run_python

MEASURE = """
import json
import numpy as np
import fastloss
from fastloss import _launch

def resident(field):
    with open("/proc/self/status") as file:
        (line,) = (line for line in file if line.startswith(field))
    return int(line.split()[1]) * 1024

def taken(method, reduction, outputs, in_place, shape):
    # The most memory that a call holds beyond what it was given.
    names = ["pred", "target", *outputs[:0 if in_place else None]]
    arrays = {name: np.full(shape, 0.5, np.float32) for name in names}  # touches every page
    pred, target = arrays.pop("pred"), arrays.pop("target")
    if in_place:
        arrays = {name: pred for name in outputs}
    call = getattr(fastloss.huber, method)
    before = resident("VmRSS")
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # the peak VmHWM starts anew from the present
    results = call(pred, target, reduction=reduction, **arrays)
    return resident("VmHWM") - before

found = []
for case in CASES:
    taken(*case, [_launch.PARALLEL_FROM + 1])  # compiles the kernel, and starts its threads
    found.append([taken(*case, shape) for shape in ([1 << 25], [1 << 12, 1 << 13])])
print(json.dumps(found))
"""

# The call, its reduction, the outputs given, whether they are pred, and how many it allocates.
CASES = {
    "value": ("__call__", "mean", [], False, 0),
    "values": ("__call__", "none", [], False, 1),
    "value and gradient": ("value_and_grad", "mean", [], False, 1),
    "value and gradient given": ("value_and_grad", "mean", ["grad_out"], False, 0),
    "value and gradient in place": ("value_and_grad", "mean", ["grad_out"], True, 0),
    "gradient and second": ("grad_and_hess", "mean", [], False, 2),
    "gradient and second given": ("grad_and_hess", "mean", ["grad_out", "hess_out"], False, 0),
    "all": ("value_grad_hess", "sum", [], False, 2),
    "all given": ("value_grad_hess", "sum", ["grad_out", "hess_out"], False, 0),
    "all elementwise": ("value_grad_hess", "none", [], False, 3),
    "all elementwise given": ("value_grad_hess", "none", ["loss_out", "grad_out", "hess_out"], False, 0),
}


@pytest.fixture(scope="module")
def taken():
    """The bytes that each case takes, for arrays of 128 MiB in one and in two dimensions."""
    if not os.access("/proc/self/clear_refs", os.W_OK):
        pytest.skip("only Linux's /proc/self/clear_refs lets a process measure its peak anew")
    cases = [case[:-1] for case in CASES.values()]
    found = answer(run_python(f"CASES = {cases!r}\n{MEASURE}", timeout=300))
    return dict(zip(CASES, found, strict=True))


@pytest.mark.parametrize("case", CASES)
def test_no_temporary_of_the_inputs_size(case, taken):
    outputs = CASES[case][-1] * 4 * (1 << 25)
    for peak in taken[case]:
        assert outputs <= peak + (1 << 20)
        assert peak <= outputs + 4 * (1 << 20)
