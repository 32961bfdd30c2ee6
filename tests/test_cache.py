"""The cache on disk: it is hit whenever it can be, gives no wrong kernel, and damage to it does no harm."""

import pickle
import re
import shutil
import sys

import numpy as np
import pytest

import fastloss
from tests.caches import (
    PACKAGE,
    PARALLEL,
    RIGHT,
    SERIAL,
    SETUP,
    THIS_ONE,
    call_of,
    entries,
    files,
    formula,
    run,
)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A cache that one process left: the serial value of huber in float64. Copy it, do not change it."""
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
    assert run(PARALLEL, cache) == [RIGHT, ["kernel"]]
    assert entries(cache) == [1]
    assert len(list(cache.rglob("kernel.*.nbi"))) == 2
    before = files(cache)
    both = "report([huber(parallel=False), huber(parallel=True)])"
    assert run(SETUP + both, cache) == [[RIGHT, RIGHT], []]
    assert files(cache) == before


def test_losses_share_a_kernel_and_have_a_row_each(tmp_path):
    code = "report([getattr(fastloss, name)([3.0], [0.0]) for name in ('huber', 'cauchy', 'fair')])"
    _, compiled = run(SETUP + code, tmp_path)
    assert compiled == ["cauchy", "fair", "huber"]
    assert entries(tmp_path) == [1, 1, 1]
    assert len(list(tmp_path.rglob("kernel.*.nbi"))) == 1


# Numba would keep them in one index, and processes on different machines could mix up its two files.
def test_each_kind_of_processor_has_entries_of_its_own(cache):
    assert run(SERIAL, cache, NUMBA_CPU_NAME="generic") == [RIGHT, ["huber"]]
    assert entries(cache) == [1, 1]
    assert run(SERIAL, cache) == [RIGHT, []]


CHANGES = {
    "empty": lambda content: b"",
    "half": lambda content: content[: len(content) // 2],
    "zeroed": lambda content: content[: len(content) // 2].ljust(len(content), b"\0"),
    "random": lambda content: np.random.default_rng(0).bytes(len(content)),
    "bit": lambda content: content[:-999] + bytes([content[-999] ^ 1]) + content[-998:],
    "garbage": lambda content: b"\x80\x05garbage" * 99,
    "unrelated": lambda content: pickle.dumps("0.0") + pickle.dumps([1, 2]),
    "missing": lambda content: None,
}
DAMAGES = [f"{kind}_{change}" for kind in ("nbi", "nbc") for change in CHANGES]
DAMAGES.remove("nbi_bit")  # a changed bit in an index may change a key or not


def damage(cache, name):
    """Damage the file of a loss. Its name says which file, and how."""
    kind, _, change = name.partition("_")
    (path,) = cache.rglob(f"*{name}*.{kind}")
    content = CHANGES[change](path.read_bytes())
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)


@pytest.fixture(scope="module")
def damaged(tmp_path_factory):
    """What losses return, and which are compiled: after their entries are damaged, and once more."""
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
    for path in [*cache.rglob("*.nbi")]:
        path.unlink()
        path.mkdir()
    assert run(SERIAL, cache) == [RIGHT, ["huber"]]


# Root may write anywhere, so permissions would not do: the folder is one that cannot exist.
@pytest.mark.skipif(sys.platform == "win32", reason="needs /dev/null")
def test_without_a_place_for_a_cache_kernels_still_compile(tmp_path):
    package = shutil.copytree(PACKAGE, tmp_path / "fastloss", ignore=shutil.ignore_patterns("__pycache__"))
    (package / "_cpu/__pycache__").write_text("not a folder")
    before = files(tmp_path)
    nowhere = "/dev/null/cache"
    homeless = {"HOME": nowhere, "XDG_CACHE_HOME": nowhere, "PYTHONPATH": str(tmp_path)}
    assert run(f"{SERIAL}\n{THIS_ONE}", nowhere, cwd=tmp_path, **homeless) == [RIGHT, ["huber"]]
    assert files(tmp_path) == before


# A limit on the size of files stands in for a full disk. At first no file fits, then only an index does.
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
    assert [path.suffix for path in tmp_path.rglob("*.*")] == [".nbi"] * 2  # of the row and of the kernel
    assert run(SETUP + both, tmp_path) == [[0.0, 0.0], ["huber", "squared_error"]]
    assert run(SETUP + both, tmp_path) == [[0.0, 0.0], []]


def test_with_numbas_compiler_switched_off_losses_run_as_plain_python(tmp_path):
    code = """
value, grad = fastloss.huber.value_and_grad(np.array([1.0, 3.0]), np.zeros(2), delta=2.0)
report([value, grad.tolist(), huber(parallel=True), fastloss.squared_error([3.0], [1.0])])
"""
    assert run(SETUP + code, tmp_path, NUMBA_DISABLE_JIT="1") == [[RIGHT, [0.5, 1.0], RIGHT, 4.0], []]
    assert not list(tmp_path.rglob("*.nb?"))


def test_a_call_after_its_warmup_compiles_nothing(tmp_path):
    code = """
fastloss.warmup("huber", calls=["value_and_grad"], dtypes="float64", reductions=["mean", "none"])
warmed = len(recorded.buffer)
pred, target = np.array([1.0, 3.0]), np.zeros(2)
for _launch.PARALLEL_FROM in (0, 1 << 62):
    for reduction in ("mean", "sum", "none"):
        fastloss.huber.value_and_grad(pred, target, reduction=reduction, delta=2.0)
report(len(recorded.buffer) == warmed)
"""
    assert run(SETUP + code, tmp_path) == [True, ["huber"] * 2]


@pytest.mark.parametrize(
    ("losses", "options", "message"),
    [
        (["hubber"], {}, "no loss is called 'hubber'; similar names: huber"),
        (["huber"], {"calls": ["value_and_gard"]}, "'value_and_gard'; did you mean 'value_and_grad'?"),
        (["huber"], {"reductions": ["means"]}, "'means'; did you mean 'mean'?"),
        (["huber"], {"dtypes": ["float16"]}, "dtypes must be 'float32' or 'float64', got 'float16'"),
        (["huber"], {"dtypes": [None]}, "dtypes must be 'float32' or 'float64', got None"),
        (["huber"], {"calls": "values"}, "got 'values'; did you mean 'value'?"),
        (["huber"], {"dtypes": ["flaot32"]}, "dtypes must be 'float32' or 'float64', got 'flaot32'"),
    ],
)
def test_warmup_says_what_it_does_not_know(losses, options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        fastloss.warmup(*losses, **options)
