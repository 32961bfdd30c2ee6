"""What an import loads, and which parts of the package may import which others."""

import ast
import copy
import importlib.metadata
import pickle
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import fastloss
from fastloss.losses import KINDS, shipped
from tests.subprocesses import answer, run_python

PACKAGE = Path(fastloss.__file__).parent
HEAVY = ["numba", "llvmlite", "numba_cuda", "matplotlib", "torch", "cupy", "scipy", "tqdm", "ml_dtypes"]
HEAVY += ["jax", "pandas", "polars", "pyarrow", "xarray", "dask", "distributed"]
LOSSES = sorted(path.stem for path in (PACKAGE / "losses").glob("*/*.py") if path.stem != "__init__")
# Exported names besides the losses.
OTHERS = [
    "Domain",
    "DynamicSmoothL1",
    "Evaluation",
    "Labels",
    "Loss",
    "SelfAdjustingSmoothL1",
    "between",
    "check_loss",
]
OTHERS += ["evaluate", "get", "labels", "loss", "nonnegative", "positive", "real", "warmup"]

IMPORT = f"""
import json, sys
import numpy as np
import fastloss

loaded = [name for name in {HEAVY} if name in sys.modules]
ones = np.ones(1 << 20)
for call in (
    lambda: fastloss.huber(ones, ones[:2]),
    lambda: fastloss.huber(ones, ones, delta=-1.0),
    lambda: fastloss.huber(ones, ones, dleta=1.0),
    lambda: fastloss.huber(ones, ones, reduction="avg"),
    lambda: fastloss.huber(ones, ones.astype(complex)),
    lambda: fastloss.huber.grad(ones, ones, grad_out=ones[:2]),
    lambda: fastloss.get("hubber"),
    lambda: fastloss.evaluate({{"pred": ones}}, "huber"),
    lambda: fastloss.warmup("hubber"),
    lambda: fastloss.warmup("huber", calls=["value", "values"]),
):
    try:
        call()
        loaded.append("a bad call that raised nothing")
    except (TypeError, ValueError):
        loaded += [name for name in {HEAVY} if name in sys.modules]
print(json.dumps(loaded))
"""


def test_neither_import_nor_a_failing_check_loads_a_compiler_or_an_optional_library():
    assert answer(run_python(IMPORT)) == []


def test_every_file_of_losses_is_exported_under_its_own_name():
    for name in LOSSES:
        assert hasattr(fastloss, name), f"import {name} in fastloss/__init__.py"
        assert isinstance(getattr(fastloss, name), fastloss.Loss)
        assert getattr(fastloss, name).name == name
        assert getattr(fastloss, name) is fastloss.get(name)
    assert sorted(shipped()) == LOSSES


def test_every_folder_of_losses_is_a_kind_and_holds_all_files():
    folder = PACKAGE / "losses"
    assert {path.parent.name for path in folder.glob("*/*.py")} == KINDS.keys()
    assert [path.name for path in folder.glob("*.py")] == ["__init__.py"]


def test_exported_names_are_the_losses_and_the_tools():
    assert fastloss.__all__ == sorted(LOSSES + OTHERS)
    assert all(hasattr(fastloss, name) for name in fastloss.__all__)


def test_version_is_that_of_the_installed_distribution():
    assert fastloss.__version__ == importlib.metadata.version("fastloss")


@pytest.mark.parametrize("name", LOSSES)
def test_a_pickled_or_copied_loss_is_the_same_object(name):
    loss = getattr(fastloss, name)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(loss, protocol)) is loss
    assert copy.copy(loss) is loss
    assert copy.deepcopy({"loss": loss})["loss"] is loss


def test_spawned_workers_compute_a_loss():
    code = """
import json, multiprocessing
import fastloss

if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        value = pool.apply(fastloss.huber, ([1.0, 3.0], [0.0, 0.0]), {"delta": 2.0})
        _, grad = pool.apply(fastloss.huber.value_and_grad, ([1.0, 3.0], [0.0, 0.0]), {"delta": 2.0})
    print(json.dumps([value, grad.tolist()]))
"""
    assert answer(run_python(code)) == [2.25, [0.5, 1.0]]


def modules():
    """Every module of the package by its dotted name, as a syntax tree."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = ("fastloss", *path.relative_to(PACKAGE).with_suffix("").parts)
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def imported(statement, known):
    """The modules that a statement imports, as dotted names."""
    if isinstance(statement, ast.Import):
        return {alias.name for alias in statement.names}
    if isinstance(statement, ast.ImportFrom):
        assert statement.level == 0, "imports are absolute"
        full = {f"{statement.module}.{alias.name}" for alias in statement.names}
        return {name for name in full if name in known} or {statement.module}
    return set()


def at_import(tree, known):
    """The modules that a module imports while it is imported itself."""
    found, pending = set(), list(tree.body)
    while pending:
        node = pending.pop()
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            found |= imported(node, known)
            pending += ast.iter_child_nodes(node)
    return found


def anywhere(tree, known):
    """The modules that a module imports anywhere: while imported, for type checkers, or in a function."""
    return set().union(*(imported(node, known) for node in ast.walk(tree)))


#: Which others each part of the package, a folder or a file, may import.
KERNELS = {"_definition", "_rules", "_formula", "_compile"}
MAY_IMPORT = {
    "_math": set(),
    "math": {"_math"},
    "_definition": set(),
    "_rules": {"_definition"},
    "_formula": {"_definition"},
    "_compile": {"_definition", "_math", "math"},
    "_cpu": KERNELS,
    "_cuda": KERNELS,
    "_dask": KERNELS | {"_cpu", "_cuda"},
    "_dispatch": {"_cpu", "_cuda", "_dask", "_rules", "_definition"},
    "_jitted": {"_compile", "_formula", "_rules", "_definition"},
    "_signature": {"_rules", "_definition"},
    "_pickling": {"_compile", "_definition"},
    "_loss": {"_dispatch", "_signature", "_pickling", "_rules", "_definition"},
    "_define": {"_loss", "_definition"},
    "losses": {"_define", "_loss", "_definition", "_math", "math"},
    "_check": {"_loss", "_definition", "_formula", "_compile"},
    "_evaluate": {"losses", "_loss", "_cpu", "_formula", "_compile", "_rules", "_definition"},
    "_warmup": {"losses", "_loss", "_cpu", "_rules"},
    "adapters": set(),
    "adaptive": {"losses", "_cpu", "_cuda", "_formula", "_compile", "_rules"},
    "commands": {"adaptive", "losses", "_loss", "_compile", "_evaluate", "_cpu", "_definition", "_rules"},
    "__main__": {"commands", "losses", "_rules"},
}


def room(name):
    return name.split(".")[1]


@pytest.mark.parametrize("of", [at_import, anywhere])
def test_imports_run_downward_only(of):
    trees = modules()
    del trees["fastloss"]  # others import only the version from it
    graph = {name: of(tree, trees) & trees.keys() for name, tree in trees.items()}
    assert list(TopologicalSorter(graph).static_order())  # a CycleError names the cycle
    assert {room(name) for name in graph} == MAY_IMPORT.keys()
    upward = [
        f"{name} imports {other}"
        for name, others in graph.items()
        for other in others
        if room(other) not in MAY_IMPORT[room(name)] | {room(name)}
    ]
    assert not upward


def test_the_parts_of_the_package_have_an_order():
    assert list(TopologicalSorter(MAY_IMPORT).static_order())


def test_only_one_folder_may_import_numba_cuda():
    trees = modules()
    assert trees.keys() >= {"fastloss", "fastloss._cpu.kernel", "fastloss.losses.robust.huber"}
    found = set()
    for name, tree in trees.items():
        names = set().union(*(imported(node, trees) for node in ast.walk(tree)))
        named = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        if any(each.startswith(("numba.cuda", "numba_cuda")) for each in names | named):
            found.add(name)
    assert found == {"fastloss._cuda.access"}
