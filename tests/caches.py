"""Run code with a kernel cache of its own, and look into that cache."""

import pickle
from pathlib import Path

import fastloss
from tests.subprocesses import answer, run_python

PACKAGE = Path(fastloss.__file__).parent

SETUP = """
import json, os, re, sys
import numpy as np
import fastloss
from fastloss._cpu import contention as _crowd
from fastloss._cpu import launch as _launch
from fastloss._cpu import threads as _threads
from numba.core import event

_threads.threads = lambda: 2  # whatever processors this machine has
_crowd.PATIENCE = float("inf")  # and however busy they are
recorded = event.RecordingListener()
event.register("numba:compile", recorded)

def report(result):
    # Print the result and the losses whose rows were compiled, not loaded. If no row was compiled, print
    # "kernel" for each shared kernel that was.
    functions = [found.data["dispatcher"].py_func for _, found in recorded.buffer if found.is_start]
    rows = [function.__name__ for function in functions if function.__code__.co_name == "row"]
    shared = [name for name in (function.__code__.co_name for function in functions) if name == "kernel"]
    print(json.dumps([result, sorted(re.sub("_[0-9a-f]{24}$", "", name) for name in rows) or shared]))

def huber(parallel):
    _launch.PARALLEL_FROM = 0 if parallel else 1 << 62
    return fastloss.huber(np.array([1.0, 3.0]), np.zeros(2), delta=2.0)
"""
SERIAL = SETUP + "report(huber(parallel=False))"
PARALLEL = SETUP + "report(huber(parallel=True))"
RIGHT = 2.25
# A copy of the package was imported, not the installed one.
THIS_ONE = "assert fastloss.__file__.startswith(os.getcwd())"


def environment(cache, **more):
    # Python's bytecode cache compares times in seconds and sizes, which is too coarse for edits in tests.
    fixed = {"PYTHONDONTWRITEBYTECODE": "1", "NUMBA_CACHE_DIR": str(cache)}
    return fixed | more


def run(code, cache, *, cwd=None, stdin=False, **more):
    """Run code and return what it reports: a result, and the losses compiled for it."""
    return answer(run_python(code, cwd=cwd, stdin=stdin, env=environment(cache, **more)))


def files(cache):
    """The files of a cache, with their times and sizes."""
    found = {path: path.stat() for path in cache.rglob("*") if path.is_file()}
    return {path.name: (stat.st_mtime_ns, stat.st_size) for path, stat in found.items()}


def entries(cache):
    """Count the entries in each index file of a cache that belongs to the row of a loss."""
    found = []
    for path in cache.rglob("row.*.nbi"):
        with open(path, "rb") as file:
            pickle.load(file)  # Numba's version
            _, index = pickle.loads(file.read())
        found.append(len(index))
    return found


def formula(name, expression="2.0 * (pred - target)"):
    """The source of a loss."""
    return f"\n@fastloss.loss\ndef {name}(pred, target):\n    return {expression}, 0.0, 0.0\n"


def call_of(names):
    """Code that computes these losses of the module `losses` for an error of 1."""
    return SETUP + f"import losses\nreport({{n: getattr(losses, n)([1.0], [0.0]) for n in {names}}})"
