"""Elementary functions in users' compiled code, and in kernels of losses, which are kept on disk."""

import platform
import shutil

import pytest

from tests.caches import PACKAGE, SETUP, THIS_ONE, entries, run
from tests.subprocesses import answer, run_python

x86 = pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="needs an x86-64 processor")

SUM = """math.exp(x) + math.expm1(x) + math.log(x) + math.log1p(x) + math.log1p_exp(x) + math.sigmoid(x) \\
        + math.sqrt(x) + math.tanh(x) + math.pow(x, x) + math.fma(x, x, x)"""

VECTORS = rf"""
import json, re
import numba
from fastloss import math

def loop(out, xs):
    for i in range(out.size):
        x = xs[i]
        out[i] = {SUM}

found = []
for kind in (numba.float32, numba.float64):
    compiled = numba.njit((kind[::1], kind[::1]))(loop)
    (ir,) = compiled.inspect_llvm().values()
    blocks = re.split(r"\n(?=[^ \n]+:)", ir)
    inner = "".join(block for block in blocks if re.search(r"call <.*> @llvm.fma", block))
    widths = set(re.findall(r"call <(\d+) x [a-z]+> @llvm.fma", inner))
    others = set(re.findall(r"^.* call .*?@([\w.]+)", inner, re.MULTILINE))
    found.append([sorted(widths), [name for name in others if not re.fullmatch("llvm.*[.]v[0-9]+.*", name)]])
print(json.dumps(found))
"""


@x86
@pytest.mark.parametrize("processor", ["haswell", "skylake-avx512"])  # LLVM chooses 256 bits for both
def test_a_loop_of_all_functions_runs_in_vectors_without_calls(processor, tmp_path):
    env = {"NUMBA_CPU_NAME": processor, "NUMBA_CPU_FEATURES": "", "NUMBA_CACHE_DIR": str(tmp_path)}
    assert answer(run_python(VECTORS, env=env)) == [[["8"], []], [["4"], []]]


BITS = """
import json, sys
import numba, numpy as np
{first}
from fastloss import math

@numba.njit({options})
def one(x):
    return math.exp(x), math.expm1(x), math.log(x), math.log1p(x), math.log1p_exp(x), math.sigmoid(x), \\
        math.sqrt(x), math.tanh(x), math.pow(x, x), math.fma(x, x, x)

def same(x):
    return [y.hex() for y in map(float, one(x))] == [y.hex() for y in map(float, one.py_func(x))]

loaded = "fastloss._cpu.kernel" in sys.modules
numbers = np.random.default_rng(5).uniform(0.01, 20, 40)
found = [same(x) for x in numbers.tolist()] + [same(x) for x in numbers.astype(np.float32)]
(fused,) = {{"vfmadd" in one.inspect_asm(signature) for signature in one.signatures}}
print(json.dumps([all(found), loaded, fused]))
"""


def bits(first="", options="", **env):
    return answer(run_python(BITS.format(first=first, options=options), env=env))


def test_anybodys_compiled_code_may_call_them_before_fastloss_is_used():
    same, loaded, _ = bits(options="fastmath=True")
    assert same
    assert not loaded


def test_anybodys_compiled_code_may_call_them_after_fastloss_is_used():
    same, loaded, _ = bits(first="import fastloss; fastloss.huber([1.0], [0.0])")
    assert same
    assert loaded


@x86
def test_a_processor_without_fused_multiply_adds_has_the_same_bits(tmp_path):
    env = {"NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": "", "NUMBA_CACHE_DIR": str(tmp_path)}
    same, _, fused = bits(**env)
    assert same
    assert not fused


LOSSES = """
import fastloss
from fastloss import math
from fastloss.math import log1p_exp

@fastloss.loss
def softplus(pred, target):
    error = pred - target
    return log1p_exp(error), math.sigmoid(error), 0.0

def make(function):
    @fastloss.loss
    def closure(pred, target):
        return function(pred - target), math.sqrt(pred), math.fma(pred, pred, target)
    return closure

power = make(lambda x: math.pow(x, 2.0))
"""


def test_kernels_of_losses_that_call_them_are_kept_on_disk(tmp_path):
    (tmp_path / "losses.py").write_text(LOSSES)
    calls = "losses.softplus([0.0], [0.0]), losses.power([3.0], [0.0])"
    for compiled in (["closure", "softplus"], []):
        found = run(f"{SETUP}\nimport losses\nreport([{calls}])", tmp_path / "cache", cwd=tmp_path)
        assert found == [[0.6931471805599453, 9.0], compiled]
    assert entries(tmp_path / "cache") == [1, 1]


def test_an_edit_of_what_compiled_code_makes_of_a_primitive_shows(tmp_path):
    package = shutil.copytree(PACKAGE, tmp_path / "fastloss", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "losses.py").write_text(LOSSES)
    path = package / "_compile/elementary.py"
    code = f"{SETUP}\n{THIS_ONE}\nimport losses\nreport(losses.power.grad([9.0], [0.0], reduction='sum')[0])"
    for name, root in (("llvm.sqrt", 3.0), ("llvm.fabs", 9.0)):
        text = path.read_text()
        assert text.count('"llvm.sqrt"') == 1
        path.write_text(text.replace('"llvm.sqrt"', f'"{name}"'))
        assert run(code, tmp_path / "cache", cwd=tmp_path) == [root, ["closure"]]
