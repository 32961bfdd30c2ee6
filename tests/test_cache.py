"""The cache on disk: it always hits, never serves another kernel, and no damage reaches the user."""

import pickle
import re
import shutil
import sys
from pathlib import Path

import pytest

import fastloss
from tests.subprocesses import answer, finish, run_python, start_python

PACKAGE = Path(fastloss.__file__).parent

SETUP = """
import json, os, re, sys
import numpy as np
import fastloss
from fastloss import _host, _threads
from numba.core import event

_threads.threads = lambda: 2  # whatever this machine has
recorded = event.RecordingListener()
event.register("numba:compile", recorded)

def report(result):
    # The result, and the kernels that were compiled, not loaded, by the names of their losses.
    functions = [found.data["dispatcher"].py_func for _, found in recorded.buffer if found.is_start]
    kernels = [function.__name__ for function in functions if function.__code__.co_name == "kernel"]
    print(json.dumps([result, sorted(re.sub("_[0-9a-f]{16}$", "", name) for name in kernels)]))

def huber(parallel):
    _host.PARALLEL_FROM = 0 if parallel else 1 << 62
    return fastloss.huber(np.array([1.0, 3.0]), np.zeros(2), delta=2.0)
"""
SERIAL = SETUP + "report(huber(parallel=False))"
PARALLEL = SETUP + "report(huber(parallel=True))"
RIGHT = 2.25


def environment(cache, **more):
    # Python's own cache tells edits apart by the second and the size: too coarse for tests.
    fixed = {"PYTHONDONTWRITEBYTECODE": "1", "NUMBA_CACHE_DIR": str(cache)}
    return fixed | more


def run(code, cache, *, cwd=None, stdin=False, **more):
    """What code reports: a result, and the kernels compiled for it."""
    return answer(run_python(code, cwd=cwd, stdin=stdin, env=environment(cache, **more)))


def files(cache):
    """The files of a cache, with their times and sizes."""
    found = {path: path.stat() for path in cache.rglob("*") if path.is_file()}
    return {path.name: (stat.st_mtime_ns, stat.st_size) for path, stat in found.items()}


def entries(cache):
    """How many entries each index of a cache has."""
    found = []
    for path in cache.rglob("*.nbi"):
        with open(path, "rb") as file:
            pickle.load(file)  # Numba's version
            _, index = pickle.loads(file.read())
        found.append(len(index))
    return found


def formula(name, expression="2.0 * (pred - target)"):
    """The source of a loss."""
    return f"\n@fastloss.loss\ndef {name}(pred, target):\n    return {expression}, 0.0, 0.0\n"


def call_of(names):
    """Code that computes some losses of the module `losses` for an error of 1."""
    return SETUP + f"import losses\nreport({{n: getattr(losses, n)([1.0], [0.0]) for n in {names}}})"


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A cache that one process left: huber's value, serial, in float64. To be copied, not changed."""
    cache = tmp_path_factory.mktemp("kept")
    assert run(SERIAL, cache) == [RIGHT, ["huber"]]
    assert entries(cache) == [1]
    return cache


@pytest.fixture
def cache(kept, tmp_path):
    """A copy of that cache."""
    return shutil.copytree(kept, tmp_path / "cache")


def test_later_processes_compile_nothing_and_write_nothing(cache):
    before = files(cache)
    for _ in range(2):
        assert run(SERIAL, cache) == [RIGHT, []]
    other_arrays = """
pred, target = np.array([1.0, 3.0]), np.zeros(2)
pred.flags.writeable = target.flags.writeable = False
report([fastloss.huber(pred, target, delta=2.0), fastloss.huber([1.0, 3.0], [0.0, 0.0], delta=2.0)])
"""
    assert run(SETUP + other_arrays, cache) == [[RIGHT, RIGHT], []]
    assert files(cache) == before


def test_serial_and_parallel_kernels_are_kept_apart(cache):
    assert run(PARALLEL, cache) == [RIGHT, ["huber"]]
    assert entries(cache) == [1, 1]
    before = files(cache)
    both = "report([huber(parallel=False), huber(parallel=True)])"
    assert run(SETUP + both, cache) == [[RIGHT, RIGHT], []]
    assert files(cache) == before


# Numba keeps them in one index, whose two files processes on unlike machines could mix.
def test_each_kind_of_processor_has_entries_of_its_own(cache):
    assert run(SERIAL, cache, NUMBA_CPU_NAME="generic") == [RIGHT, ["huber"]]
    assert entries(cache) == [1, 1]
    assert run(SERIAL, cache) == [RIGHT, []]


CHANGES = {
    "empty": lambda content: b"",
    "half": lambda content: content[: len(content) // 2],
    "garbage": lambda content: b"\x80\x05garbage" * 99,
    "unrelated": lambda content: pickle.dumps("0.0") + pickle.dumps([1, 2]),
    "missing": lambda content: None,
}
DAMAGES = [f"{kind}_{change}" for kind in ("nbi", "nbc") for change in CHANGES]


def damage(cache, name):
    """Damage the file of a loss that its name says, in the way that its name says."""
    kind, _, change = name.partition("_")
    (path,) = cache.rglob(f"*{name}*.{kind}")
    content = CHANGES[change](path.read_bytes())
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)


@pytest.fixture(scope="module")
def damaged(tmp_path_factory):
    """What losses return, and which are compiled, once their entries are damaged, and once more."""
    folder, cache = tmp_path_factory.mktemp("user"), tmp_path_factory.mktemp("cache")
    (folder / "losses.py").write_text("import fastloss\n" + "".join(map(formula, DAMAGES)))
    run(call_of(DAMAGES), cache, cwd=folder)
    count = len(files(cache))
    for name in DAMAGES:
        damage(cache, name)
    found = [run(call_of(DAMAGES), cache, cwd=folder) for _ in range(2)]
    assert len(files(cache)) == count
    return found


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_entry_is_compiled_anew_and_healed(name, damaged):
    for results, _ in damaged:
        assert results[name] == 2.0
    assert [name in compiled for _, compiled in damaged] == [True, False]


def test_an_entry_that_cannot_be_replaced_is_left_alone(cache):
    (path,) = cache.rglob("*.nbi")
    path.unlink()
    path.mkdir()
    assert run(SERIAL, cache) == [RIGHT, ["huber"]]


THIS_ONE = "assert fastloss.__file__.startswith(os.getcwd())"


# The root user may write anywhere, so no permission is taken away: there is no such folder.
@pytest.mark.skipif(sys.platform == "win32", reason="needs /dev/null")
def test_without_a_place_for_a_cache_kernels_still_compile(tmp_path):
    package = shutil.copytree(PACKAGE, tmp_path / "fastloss", ignore=shutil.ignore_patterns("__pycache__"))
    (package / "__pycache__").write_text("not a folder")
    before = files(tmp_path)
    nowhere = "/dev/null/cache"
    homeless = {"HOME": nowhere, "XDG_CACHE_HOME": nowhere, "PYTHONPATH": str(tmp_path)}
    assert run(f"{SERIAL}\n{THIS_ONE}", nowhere, cwd=tmp_path, **homeless) == [RIGHT, ["huber"]]
    assert files(tmp_path) == before


# A limit on the size of files stands for a full disk: at first all are refused, then all but an index.
@pytest.mark.skipif(sys.platform == "win32", reason="needs the module resource")
def test_on_a_full_disk_kernels_compile_once_and_are_kept_later(tmp_path):
    zeros = "np.zeros(2), np.zeros(2)"
    both = f"report([fastloss.huber({zeros}), fastloss.squared_error({zeros})])"
    full = f"""
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
fastloss.huber({zeros})
resource.setrlimit(resource.RLIMIT_FSIZE, (8192, resource.RLIM_INFINITY))
"""
    assert run(SETUP + full + both, tmp_path) == [[0.0, 0.0], ["huber", "squared_error"]]
    assert [path.suffix for path in tmp_path.rglob("*.*")] == [".nbi"]
    assert run(SETUP + both, tmp_path) == [[0.0, 0.0], ["huber", "squared_error"]]
    assert run(SETUP + both, tmp_path) == [[0.0, 0.0], []]


# A user's modules: every loss doubles the error. The edit puts 3.0 for 2.0 everywhere.
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
    # Modules that hold each other.
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
# The function that they call does not tell what will run.
UNCACHED = ["compiled_function", "overloaded_function"]


@pytest.fixture(scope="module")
def edited(tmp_path_factory):
    """What a user's losses return, and which are compiled: at first, after an edit, and once more."""
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


# A constant from the environment gives one file, line and name two versions at a time.
def test_processes_that_race_with_two_versions_of_a_loss_get_their_own(tmp_path):
    head = "import os\nimport fastloss\nFACTOR = float(os.environ['FACTOR'])\n"
    (tmp_path / "losses.py").write_text(head + formula("mine", "FACTOR * (pred - target)"))
    cache, code = tmp_path / "cache", call_of(["mine"])
    racers = [
        (factor, start_python(code, cwd=tmp_path, env=environment(cache, FACTOR=factor)))
        for factor in ["2.0", "3.0"] * 3
    ]
    for factor, process in racers:
        assert answer(finish(process))[0] == {"mine": float(factor)}
    assert entries(cache) == [1, 1]
    for factor in ("2.0", "3.0"):
        assert run(code, cache, cwd=tmp_path, FACTOR=factor) == [{"mine": float(factor)}, []]


def test_a_loss_may_have_any_name(tmp_path):
    names = ["x" * 300, "\u043f\u043e\u0442\u0435\u0440\u044f" * 50]
    source = "import fastloss\n" + "".join(map(formula, names))
    (tmp_path / "losses.py").write_text(source, encoding="utf-8")
    for count in (2, 0):
        results, compiled = run(call_of(names), tmp_path / "cache", cwd=tmp_path)
        assert results == dict.fromkeys(names, 2.0)
        assert len(compiled) == count
    assert entries(tmp_path / "cache") == [1, 1]


# Numba's key holds PAIR's class by value, which is another one in every run of a script.
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
    assert not list(tmp_path.rglob("*.nb?"))


def test_a_package_in_an_archive_works_and_keeps_nothing(tmp_path):
    archive = shutil.make_archive(str(tmp_path / "archive"), "zip", PACKAGE.parent, "fastloss")
    (tmp_path / "losses.py").write_text("import fastloss\n" + formula("mine"))
    code = f"{call_of(['mine'])}\n{THIS_ONE}"
    env = {"PYTHONPATH": archive, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    assert run(code, tmp_path / "cache", cwd=tmp_path, **env) == [{"mine": 2.0}, ["mine"]]
    assert not list(tmp_path.rglob("*.nb?"))


def test_with_numbas_compiler_switched_off_losses_run_as_plain_python(tmp_path):
    code = """
value, grad = fastloss.huber.value_and_grad(np.array([1.0, 3.0]), np.zeros(2), delta=2.0)
report([value, grad.tolist(), huber(parallel=True), fastloss.squared_error([3.0], [1.0])])
"""
    assert run(SETUP + code, tmp_path, NUMBA_DISABLE_JIT="1") == [[RIGHT, [0.5, 1.0], RIGHT, 4.0], []]
    assert not list(tmp_path.rglob("*.nb?"))


def test_a_call_after_its_warmup_compiles_nothing(tmp_path):
    code = """
fastloss.warmup("huber", calls=["value_and_grad"], dtypes=["float64"])
warmed = len(recorded.buffer)
pred, target = np.array([1.0, 3.0]), np.zeros(2)
for _host.PARALLEL_FROM in (0, 1 << 62):
    for reduction in ("mean", "sum"):
        fastloss.huber.value_and_grad(pred, target, reduction=reduction, delta=2.0)
report(len(recorded.buffer) == warmed)
"""
    assert run(SETUP + code, tmp_path) == [True, ["huber"] * 2]


@pytest.mark.parametrize(
    ("losses", "options", "message"),
    [
        (["hubber"], {}, "no loss is called 'hubber'; near names: huber"),
        (["huber"], {"calls": ["value_and_gard"]}, "'value_and_gard'; did you mean 'value_and_grad'?"),
        (["huber"], {"reductions": ["means"]}, "'means'; did you mean 'mean'?"),
        (["huber"], {"dtypes": ["float16"]}, "dtypes must be 'float32' or 'float64', got 'float16'"),
        (["huber"], {"dtypes": ["flaot32"]}, "dtypes must be 'float32' or 'float64', got 'flaot32'"),
    ],
)
def test_warmup_says_what_it_does_not_know(losses, options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        fastloss.warmup(*losses, **options)
