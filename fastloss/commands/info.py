"""Describe this installation and the machine that it runs on, for a bug report or a first look."""

import ctypes
import ctypes.util
import os
import platform
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import llvmlite
import llvmlite.binding
import numba
import numpy as np
from numba.core import config
from numba.np.ufunc import parallel

import fastloss
from fastloss._cpu import threads as _threads
from fastloss.commands import CommandError, cache
from fastloss.losses import shipped

OPTIONAL = (
    "cupy-cuda12x", "cupy-cuda13x", "dask", "jax", "lightgbm", "ml_dtypes", "pandas", "polars", "pyarrow",
    "scikit-learn", "scipy", "torch", "xarray", "xgboost", "xgboost-cpu",
)  # fmt: skip

# Numba makes the settings at import, unseen by type checkers, and leaves these functions untyped.
settings: Any = config
threading_layer: Any = parallel.threading_layer


def run() -> int:
    """Print the report."""
    facts = {
        "fastloss": f"{fastloss.__version__}, {Path(fastloss.__file__).parent}",
        "Python": f"{platform.python_version()}, {sys.executable}",
        "libraries": f"Numba {numba.__version__}, llvmlite {llvmlite.__version__}, NumPy {np.__version__}",
        "optional": _optional(),
        "processor": f"{llvmlite.binding.get_host_cpu_name()} ({platform.machine()}), {_cores()}",
        "threads": _threading(),
        "kernel cache": _cache(),
        "CUDA": _cuda(),
        "losses": ", ".join(shipped()),
    }
    for name, fact in facts.items():
        print(f"{name + ':':14}{fact}")
    return 0


def _optional() -> str:
    """The libraries whose arrays, tables and losses fastloss works with, as far as they are installed."""
    found = []
    for name in OPTIONAL:
        with suppress(PackageNotFoundError):
            found.append(f"{name} {version(name)}")
    return ", ".join(found) or "none of its libraries is installed"


def _cores() -> str:
    total = os.cpu_count() or 1
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else total
    return f"{total} cores" + (f", {usable} of them for this process" if usable < total else "")


def _threading() -> str:
    """How many threads a large call uses, and through which layer, or why it uses only one."""
    reason = _threads.serial_reason()
    if reason is not None:
        return f"1, serial kernels: {reason}"
    return f"{_threads.threads()}, threading layer {threading_layer()}"


def _cache() -> str:
    """Where compiled kernels are kept, how much they take and how much of that is of no use."""
    try:
        kept = cache.look()
    except CommandError as reason:
        return f"none: {reason}; kernels are compiled in every process"
    files = {path: found for each in kept for path, found in each.files.items()}
    useless = {path: found for each in kept for path, found in each.useless.items()}
    folders = " and ".join(str(each.folder) for each in kept)
    freed = f"; `fastloss cache --clean` would remove {cache.amount(useless)}" if useless else ""
    return f"{folders}, {cache.amount(files)}{freed}"


def _cuda() -> str:
    try:
        package = f"numba-cuda {version('numba-cuda')}"
    except PackageNotFoundError:
        package = "numba-cuda is not installed"
    return f"{package}; {_cuda_devices()}"


def _cuda_devices() -> str:
    """The devices that NVIDIA's driver reports, without a CUDA library."""
    name = "nvcuda" if sys.platform == "win32" else "cuda"
    path = ctypes.util.find_library(name)
    if path is None:
        return "no NVIDIA driver found"
    count = ctypes.c_int(0)
    try:
        driver = ctypes.CDLL(path)
        status = driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count))
    except (OSError, AttributeError) as error:
        return f"the NVIDIA driver {path} cannot be loaded: {error}"
    if status:
        return f"NVIDIA driver found, no usable device (CUDA error {status})"
    return f"NVIDIA driver found, {count.value} device{'' if count.value == 1 else 's'}"
