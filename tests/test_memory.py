"""One pass: besides its outputs, no call takes memory of the size of its inputs."""

import os

import pytest

from tests.subprocesses import answer, run_python

MEASURE = """
import json
import numpy as np
import fastloss
from fastloss._cpu import launch as _launch

def resident(field):
    with open("/proc/self/status") as file:
        (line,) = (line for line in file if line.startswith(field))
    return int(line.split()[1]) * 1024

def taken(method, reduction, outputs, in_place, shape):
    # The peak memory of a call beyond what it was given.
    names = ["pred", "target", *outputs[:0 if in_place else None]]
    arrays = {name: np.full(shape, 0.5, np.float32) for name in names}  # touches every page
    pred, target = arrays.pop("pred"), arrays.pop("target")
    if in_place:
        arrays = {name: pred for name in outputs}
    call = getattr(fastloss.huber, method)
    before = resident("VmRSS")
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # resets the peak VmHWM to the present
    results = call(pred, target, reduction=reduction, **arrays)
    return resident("VmHWM") - before

found = []
for case in CASES:
    taken(*case, [_launch.PARALLEL_FROM + 1])  # compiles the kernel, and starts its threads
    found.append([taken(*case, shape) for shape in ([1 << 25], [1 << 12, 1 << 13])])
print(json.dumps(found))
"""

# The call, its reduction, the outputs given, whether they are pred itself, and how many the call allocates.
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
        pytest.skip("only Linux's /proc/self/clear_refs lets a process reset its peak memory")
    cases = [case[:-1] for case in CASES.values()]
    found = answer(run_python(f"CASES = {cases!r}\n{MEASURE}", timeout=300))
    return dict(zip(CASES, found, strict=True))


@pytest.mark.parametrize("case", CASES)
def test_no_temporary_of_the_inputs_size(case, taken):
    outputs = CASES[case][-1] * 4 * (1 << 25)
    for peak in taken[case]:
        assert outputs <= peak + (1 << 20)
        assert peak <= outputs + 4 * (1 << 20)


MEASURE_LAYOUTS = (
    """
import json
import numpy as np
import fastloss
"""
    + MEASURE[MEASURE.index("def resident") : MEASURE.index("def taken")]
    + """
def taken(case, size):
    half = np.full((size, 2), 0.5, np.float32)  # touches every page
    full, counts, mask = half[:, 0].copy(), np.ones(size, np.int16), np.ones(size, bool)
    options = eval(case)
    pred, target = options.pop("pred", full), options.pop("target", full)
    before = resident("VmRSS")
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    fastloss.huber(pred, target, **options)
    return resident("VmHWM") - before

for case in CASES:
    taken(case, 1 << 23)  # compiles the kernels, and starts their threads
print(json.dumps([taken(case, 1 << 25) for case in CASES]))
"""
)

# Arguments besides pred and target, or in their place. A column of `half` has every second float32.
LAYOUTS = [
    "dict(weight=full)",
    "dict(weight=full.astype(float), reduction='sum')",
    "dict(weight=counts)",
    "dict(where=mask)",
    "dict(weight=full, where=mask)",
    "dict(weight=half[:1, 0], where=mask)",
    "dict(delta=full)",
    "dict(delta=counts)",
    "dict(target=counts)",
    "dict(target=0.0)",
    "dict(pred=half[:, 0], target=half[::-1, 1])",
    "dict(pred=half, target=half[:, :1], weight=full[:, None], where=mask[:, None])",
    "dict(pred=half.T, target=half.reshape(2, -1))",
    "dict(pred=full.astype(np.float16), target=full.astype('>f4'))",
]


@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="needs Linux's clear_refs")
def test_operands_of_any_layout_are_not_copied_whole():
    """Arrays of 128 MiB, or half of it; the blocks of all threads together are far smaller."""
    found = answer(run_python(f"CASES = {LAYOUTS!r}\n{MEASURE_LAYOUTS}", timeout=300))
    for case, peak in zip(LAYOUTS, found, strict=True):
        assert peak <= 24 * (1 << 20), case
