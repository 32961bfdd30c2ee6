"""The kernel cache and users' losses: every edit takes effect, and every version has its own entry."""

import shutil

import numba
import pytest

from tests.caches import PACKAGE, SETUP, THIS_ONE, call_of, entries, environment, files, formula, run
from tests.subprocesses import answer, finish, start_python

# Modules of a user, in which every loss doubles the error. The edit replaces every 2.0 by 3.0.
USER = {
    "losses.py": """
import functools, math
import numpy as np
import fastloss, helpers, package.helpers
from helpers import compiled_scale, overloaded_scale, scale

FACTOR = 2.0
TABLE = np.array([2.0])

@functools.wraps(math.sqrt)
def wrapped_scale(x):
    return 2.0 * x

def make(factor, function, module):
    @fastloss.loss
    def closure_value(pred, target):
        return factor * (pred - target), 0.0, 0.0
    @fastloss.loss
    def closure_function(pred, target):
        return function(pred - target), 0.0, 0.0
    @fastloss.loss
    def closure_module(pred, target):
        return module.scale(pred - target), 0.0, 0.0
    return closure_value, closure_function, closure_module

closure_value, closure_function, closure_module = make(2.0, scale, helpers)
""",
    "helpers.py": """
from numba import njit
from numba.extending import overload
FACTOR = 2.0
def scale(x):
    return deeper(x)
def deeper(x):
    return 2.0 * x
def default_scale(x, factor=2.0):
    return factor * x
@njit
def compiled_scale(x):
    return 2.0 * x
def overloaded_scale(x):
    raise NotImplementedError
@overload(overloaded_scale)
def _overloaded_scale(x):
    return lambda x: 2.0 * x
""",
    "package/__init__.py": "",
    "package/helpers.py": """
import package.constants
def scale(x):
    return package.constants.FACTOR * x
""",
    # Two modules that import each other.
    "package/constants.py": "import package.helpers\nFACTOR = 2.0\n",
}
FORMULAS = {
    "constant": "2.0 * (pred - target)",
    "global_value": "FACTOR * (pred - target)",
    "global_array": "TABLE[0] * (pred - target)",
    "imported_function": "scale(pred - target)",
    "wrapping_function": "wrapped_scale(pred - target)",
    "function_of_a_module": "helpers.scale(pred - target)",
    "default_of_a_function": "helpers.default_scale(pred - target)",
    "value_of_a_module": "helpers.FACTOR * (pred - target)",
    "function_of_a_package": "package.helpers.scale(pred - target)",
    "compiled_function": "compiled_scale(pred - target)",
    "overloaded_function": "overloaded_scale(pred - target)",
}
LOSSES = [*FORMULAS, "closure_value", "closure_function", "closure_module"]
# The function that this loss calls does not show what will run.
UNCACHED = ["overloaded_function"]


@pytest.fixture(scope="module")
def edited(tmp_path_factory):
    """What the losses return, and which are compiled: at first, after an edit, and once more."""
    folder, cache = tmp_path_factory.mktemp("user"), tmp_path_factory.mktemp("cache")
    source = USER | {"losses.py": USER["losses.py"] + "".join(map(formula, FORMULAS, FORMULAS.values()))}
    runs = []
    for factor in ("2.0", "3.0", "3.0"):
        for name, text in source.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text.replace("2.0", factor))
        runs.append(run(call_of(LOSSES), cache, cwd=folder))
    return runs, cache


@pytest.mark.parametrize("name", LOSSES)
def test_an_edit_shows_wherever_it_is(name, edited):
    runs, _ = edited
    assert [results[name] for results, _ in runs] == [2.0, 3.0, 3.0]
    assert [name in compiled for _, compiled in runs] == [True, True, name in UNCACHED]


def test_each_edit_makes_one_entry_under_a_name_of_its_own(edited):
    _, cache = edited
    assert entries(cache) == [1] * 2 * (len(LOSSES) - len(UNCACHED))


def test_losses_of_one_name_in_two_files_are_told_apart(tmp_path):
    for factor in ("2.0", "3.0"):
        (tmp_path / factor).mkdir()
        source = "import fastloss\n" + formula("mine", f"{factor} * (pred - target)")
        (tmp_path / factor / "losses.py").write_text(source)
    for compiled in (["mine"], []):
        for factor in ("2.0", "3.0"):
            found = run(call_of(["mine"]), tmp_path / "cache", cwd=tmp_path / factor)
            assert found == [{"mine": float(factor)}, compiled]
    assert entries(tmp_path / "cache") == [1, 1]


# A constant from the environment gives a loss of one file, line and name two versions at a time.
def test_processes_that_race_with_versions_and_types_of_a_loss_get_their_own(tmp_path):
    head = "import os\nimport fastloss\nFACTOR = float(os.environ['FACTOR'])\n"
    (tmp_path / "losses.py").write_text(head + formula("mine", "FACTOR * (pred - target)"))
    cache = tmp_path / "cache"
    code = (
        f"{SETUP}import losses\nx = np.ones(3, os.environ['TYPE'])\nreport(losses.mine(x, np.zeros_like(x)))"
    )
    kinds = [{"FACTOR": factor, "TYPE": kind} for factor in ("2.0", "3.0") for kind in ("float32", "float64")]
    racers = [(kind, start_python(code, cwd=tmp_path, env=environment(cache, **kind))) for kind in kinds * 2]
    for kind, process in racers:
        assert answer(finish(process))[0] == float(kind["FACTOR"])
    assert entries(cache) == [1] * 4
    for kind in kinds:
        assert run(code, cache, cwd=tmp_path, **kind) == [float(kind["FACTOR"]), []]


def test_a_loss_may_have_any_name(tmp_path):
    names = ["x" * 300, "\u043f\u043e\u0442\u0435\u0440\u044f" * 50]
    source = "import fastloss\n" + "".join(map(formula, names))
    (tmp_path / "losses.py").write_text(source, encoding="utf-8")
    for count in (2, 0):
        results, compiled = run(call_of(names), tmp_path / "cache", cwd=tmp_path)
        assert results == dict.fromkeys(names, 2.0)
        assert len(compiled) == count
    assert entries(tmp_path / "cache") == [1, 1]


# Numba's key holds the class of PAIR by value, and every run of a script makes another class.
def test_a_script_run_again_and_again_leaves_no_more_files(tmp_path):
    head = "from collections import namedtuple\nPAIR = namedtuple('Pair', 'first second')(2.0, 1.0)\n"
    both = formula("plain") + formula("named", "PAIR.first * (pred - target)")
    script = tmp_path / "script.py"
    script.write_text(SETUP + head + both + "report([plain([1.0], [0.0]), named([1.0], [0.0])])")
    cache = tmp_path / "cache"
    assert run(script, cache) == [[2.0, 2.0], ["named", "plain"]]
    before = files(cache)
    for _ in range(2):
        assert run(script, cache) == [[2.0, 2.0], ["named"]]
    assert files(cache) == before


@pytest.mark.parametrize("where", ["prompt", "exec"])
def test_a_loss_without_a_file_works_and_is_not_kept(where, tmp_path):
    code = formula("mine") if where == "prompt" else f"exec({formula('mine')!r})"
    code = f"{SETUP}{code}\nreport(mine([1.0], [0.0]))"
    assert run(code, tmp_path, stdin=where == "prompt") == [2.0, ["mine"]]
    assert not list(tmp_path.rglob("row.*"))
    assert list(tmp_path.rglob("kernel.*.nbc"))  # the kernel holds no part of the loss


def test_a_package_in_an_archive_works(tmp_path):
    archive = shutil.make_archive(str(tmp_path / "archive"), "zip", PACKAGE.parent, "fastloss")
    (tmp_path / "losses.py").write_text("import fastloss\n" + formula("mine"))
    code = f"{call_of(['mine'])}\n{THIS_ONE}"
    env = {"PYTHONPATH": archive, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    assert run(code, tmp_path / "cache", cwd=tmp_path, **env) == [{"mine": 2.0}, ["mine"]]
    kept = list(tmp_path.rglob("row.*.nbi"))
    assert len(kept) == 1 or numba.version_info.short < (0, 62)  # newer ones always keep them
    assert run(code, tmp_path / "cache", cwd=tmp_path, **env) == [{"mine": 2.0}, [] if kept else ["mine"]]


# Numba starts numbering functions again in every process, and a kernel on disk keeps its numbers. So kernels
# from two processes can hold different functions of one name, and the linker takes either.
def test_kernels_that_processes_compiled_apart_work_together(tmp_path):
    (tmp_path / "losses.py").write_text(
        """
import fastloss
def make(factor):
    def scaled(x):
        return factor * x
    @fastloss.loss
    def mine(pred, target):
        return scaled(pred - target), factor, 0.0
    return mine
two, three = make(2.0), make(3.0)
"""
    )
    calls = [
        "losses.two([1.0], [0.0])",
        "losses.three([1.0], [0.0])",
        "losses.two.value_and_grad([1.0], [0.0])[0]",
        "losses.two.grad([1.0], [0.0])[0]",
        "losses.two([1.0], [0.0], reduction='none')[0]",
        "losses.three.grad_and_hess([1.0], [0.0])[0][0]",
        "losses.three.value_and_grad([1.0], [0.0])[0]",
    ]
    wanted = [3.0 if "three" in call else 2.0 for call in calls]
    for call, result in zip(calls, wanted, strict=True):
        code = f"{SETUP}\nimport losses\nreport([float({call})])"
        assert run(code, tmp_path / "cache", cwd=tmp_path) == [[result], ["mine"]]
    for order in (1, -1):
        code = f"{SETUP}\nimport losses\nreport([float(x) for x in [{', '.join(calls[::order])}]])"
        assert run(code, tmp_path / "cache", cwd=tmp_path) == [wanted[::order], []]


def test_movers_that_processes_compiled_apart_work_together(tmp_path):
    x = "np.full((3, 6), 2, {!r})[:, :3]"
    calls = [
        f"fastloss.squared_error(np.ones((3, 3)), {x.format(dtype)}, reduction='sum')"
        for dtype in ("i2", "i8", "f8")  # the first one compiles kernels besides
    ]
    for call in calls:
        assert run(f"{SETUP}\nreport({call})", tmp_path)[0] == 9.0
    for order in (1, -1):
        assert run(f"{SETUP}\nreport([{', '.join(calls[::order])}])", tmp_path) == [[9.0] * 3, []]
