"""Kernels kept on disk while code changes: each is made of exactly the code that its name stands for."""

import shutil
import textwrap

import numpy as np
import pytest

from fastloss._compile import store
from fastloss._cpu import kernel, movers, row
from tests.caches import PACKAGE, SETUP, THIS_ONE, run
from tests.changing import source

# A kernel is kept under the digest of the code from which it was compiled.
CALLS = {
    "value": "losses.mine(np.ones(3), 0.0)",
    "gradient": "losses.mine.grad(np.ones(3), 0.0, reduction='sum')[0]",
}


@pytest.mark.parametrize(
    ("expression", "first", "then"),
    [
        ("FACTOR * e", "value", "gradient"),
        ("helper(e)", "gradient", "value"),
        ("me.FACTOR * e", "value", "gradient"),
        ("compiled(e)", "gradient", "value"),
    ],
)
def test_nothing_is_kept_under_a_digest_of_other_code(tmp_path, expression, first, then):
    cache = tmp_path / "cache"
    path = tmp_path / "losses.py"
    path.write_text(source(expression))
    changed = f"before = {CALLS[first]}\nlosses.FACTOR = 3.0\nreport([before, {CALLS[then]}])"
    start = f"{SETUP}\nimport losses\n"
    assert run(start + changed, cache, cwd=tmp_path) == [[2.0, 2.0], ["mine"] * 2]
    both = f"{start}report([{CALLS[first]}, {CALLS[then]}])"
    for factor, compiled in (("3.0", ["mine"] * 2), ("2.0", [])):
        path.write_text(source(expression).replace("FACTOR = 2.0", f"FACTOR = {factor}"))
        assert run(both, cache, cwd=tmp_path) == [[float(factor)] * 2, compiled]


def test_all_that_a_kernel_is_made_of_is_in_its_name():
    """A module counts whether it is imported itself or only its functions are."""
    reached = {module.__name__.removeprefix("fastloss.") for module in store._reached(movers)}
    assert reached >= {"_cpu.movers", "_cpu.elements", "_cpu.halves"}
    reached = {module.__name__.removeprefix("fastloss.") for module in store._reached(kernel)}
    assert reached >= {"_cpu.kernel", "_cpu.intrinsics", "_compile.store"}
    reached = {module.__name__.removeprefix("fastloss.") for module in store._reached(row)}
    assert reached >= {"_cpu.row", "_cpu.intrinsics", "_formula.element", "_formula.irls"}


def test_a_number_that_a_kernel_has_of_another_module_is_in_its_name(monkeypatch):
    parts = np.dtype(np.float32), 9, True
    name = store.own_name(kernel, *parts)
    assert store.own_name(kernel, *parts) == name
    monkeypatch.setattr(kernel, "CHUNK", 2 * kernel.CHUNK)
    assert store.own_name(kernel, *parts) != name


def test_a_process_whose_package_is_replaced_keeps_nothing_as_the_new_ones(tmp_path):
    package = shutil.copytree(PACKAGE, tmp_path / "fastloss", ignore=shutil.ignore_patterns("__pycache__"))
    line = "    value, grad, hess = T(value), T(grad), T(hess)\n"
    old = (package / "_formula/element.py").read_text()
    new = old.replace(line.strip(), line.strip() + "; value *= T(2)")
    assert new.count("value *= T(2)") == 1
    call = "fastloss.huber(np.array([1.0, 3.0]), np.zeros(2), delta=2.0)"
    code = textwrap.dedent(f"""
        from fastloss._cpu import kernels
        with open("fastloss/_formula/element.py", "w") as file:
            file.write({new!r})
        report({call})
    """)
    cache = tmp_path / "cache"
    assert run(f"{SETUP}\n{THIS_ONE}\n{code}", cache, cwd=tmp_path) == [2.25, ["huber"]]
    for compiled in (["huber"], []):
        assert run(f"{SETUP}\n{THIS_ONE}\nreport({call})", cache, cwd=tmp_path) == [4.5, compiled]


def test_a_switch_of_numbas_that_changes_code_has_kernels_of_its_own(tmp_path):
    call = "fastloss.huber(np.array([1.0, 3.0]), np.zeros(2), delta=2.0)"
    code = f"""
import numba
fastloss.squared_error([1.0], [0.0])
numba.config.BOUNDSCHECK = 1
report({call})
"""
    assert run(SETUP + code, tmp_path) == [2.25, ["huber", "squared_error"]]
    assert run(f"{SETUP}\nreport({call})", tmp_path) == [2.25, ["huber"]]


def test_losses_defined_while_threads_run(tmp_path):
    code = """
import threading
def make(factor):
    @fastloss.loss
    def mine(pred, target):
        return factor * (pred - target), factor, 0.0
    return mine

found = []
def work(first):
    for factor in (first, first + 1):
        mine = make(float(factor))
        pred = np.ones(3, np.float32 if factor % 2 else np.float64)
        found.append([mine(pred, 0.0), *mine.grad(pred, 0.0, reduction="sum")] == [factor] * 4)

threads = [threading.Thread(target=work, args=(first,)) for first in (1, 11)]
for thread in threads: thread.start()
for thread in threads: thread.join()
report(found)
"""
    found, _ = run(SETUP + code, tmp_path)
    assert found == [True] * 4
