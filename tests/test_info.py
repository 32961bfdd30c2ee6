"""The command info, which reports on an installation."""

import ctypes
import os
import platform
import sys
from types import SimpleNamespace

import llvmlite
import numba
import numpy as np
import pytest

import fastloss
from fastloss._cpu import threads as _threads
from fastloss.commands import info
from fastloss.losses import shipped
from tests.subprocesses import run_command


def facts_of(text):
    return dict(line.partition(": ")[::2] for line in text.splitlines())


def test_info_shows_what_runs_and_where(tmp_path):
    once = "import fastloss; fastloss.huber([1.0], [2.0])"
    apart = "assert not {'numba.cuda', 'numba_cuda', 'matplotlib'} & sys.modules.keys()"
    result = run_command("info", before=once, after=apart, env={"NUMBA_CACHE_DIR": str(tmp_path)})
    assert (result.returncode, result.stderr) == (0, "")
    facts = {name: fact.strip() for name, fact in facts_of(result.stdout).items()}
    assert facts["fastloss"].startswith(f"{fastloss.__version__}, {os.path.dirname(fastloss.__file__)}")
    assert facts["Python"] == f"{platform.python_version()}, {sys.executable}"
    versions = f"Numba {numba.__version__}, llvmlite {llvmlite.__version__}, NumPy {np.__version__}"
    assert facts["libraries"] == versions
    assert f"({platform.machine()}), {os.cpu_count()} cores" in facts["processor"]
    assert facts["losses"] == ", ".join(shipped())
    (folder,) = tmp_path.glob("_cpu_*")
    size = sum(path.stat().st_size for path in folder.iterdir())
    assert facts["kernel cache"] == f"{folder}, 2 functions, {size / 1e6:.1f} MB"
    assert size > 10_000


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"NUMBA_NUM_THREADS": "1"}, "1, serial kernels: Numba was given one thread"),
        (
            {"NUMBA_NUM_THREADS": "2", "NUMBA_THREADING_LAYER": "workqueue"},
            "1, serial kernels: the layer workqueue is not safe to launch from two Python threads",
        ),
        ({"NUMBA_DISABLE_JIT": "1"}, "none: NUMBA_DISABLE_JIT is set"),
        ({"NUMBA_CACHE_LOCATOR_CLASSES": "ZipCacheLocator"}, "none: Numba finds no folder it can write"),
    ],
)
def test_info_says_why_there_are_no_threads_or_no_cache(settings, said):
    result = run_command("info", env=settings)
    assert (result.returncode, result.stderr) == (0, "")
    assert said in result.stdout


def test_info_counts_the_threads_of_large_calls(monkeypatch):
    monkeypatch.setattr(_threads, "serial_reason", lambda: None)
    monkeypatch.setattr(_threads, "threads", lambda: 7)
    monkeypatch.setattr(info, "threading_layer", lambda: "omp")
    assert info._threading() == "7, threading layer omp"


def test_info_in_a_forked_process_says_so(monkeypatch):
    monkeypatch.setattr(_threads, "_unsafe", None)
    _threads._after_fork()
    assert "forked" in info._threading()


@pytest.mark.parametrize(
    ("library", "status", "devices", "said"),
    [
        (None, 0, 0, "no NVIDIA driver found"),
        ("libcuda.so.1", 0, 1, "NVIDIA driver found, 1 device"),
        ("libcuda.so.1", 0, 2, "NVIDIA driver found, 2 devices"),
        ("libcuda.so.1", 100, 0, "NVIDIA driver found, no usable device (CUDA error 100)"),
        ("not-there.so", None, 0, "the NVIDIA driver not-there.so cannot be loaded"),
    ],
)
def test_info_asks_the_driver_for_cuda_devices(monkeypatch, library, status, devices, said):
    def count(pointer):
        pointer._obj.value = devices
        return 0

    monkeypatch.setattr(ctypes.util, "find_library", lambda name: library)
    if status is not None:
        driver = SimpleNamespace(cuInit=lambda flags: status, cuDeviceGetCount=count)
        monkeypatch.setattr(ctypes, "CDLL", lambda path: driver)
    assert info._cuda_devices().startswith(said)


@pytest.mark.parametrize(
    ("installed", "said"), [("1.2.3", "numba-cuda 1.2.3; "), (None, "numba-cuda is not installed; ")]
)
def test_info_tells_whether_numba_cuda_is_installed(monkeypatch, installed, said):
    def version(name):
        assert name == "numba-cuda"
        if installed is None:
            raise info.PackageNotFoundError(name)
        return installed

    monkeypatch.setattr(info, "version", version)
    assert info._cuda().startswith(said)


def test_info_tells_which_optional_libraries_are_installed(monkeypatch):
    def version(name):
        if name not in ("scipy", "torch"):
            raise info.PackageNotFoundError(name)
        return "1.2"

    monkeypatch.setattr(info, "version", version)
    assert info._optional() == "scipy 1.2, torch 1.2"
    monkeypatch.setattr(info, "OPTIONAL", ("dask",))
    assert info._optional() == "none of its libraries is installed"
