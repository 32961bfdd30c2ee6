"""What this installation is and what it runs on, for a bug report or a first look."""

import ctypes
import ctypes.util
import os
import platform
import re
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import llvmlite
import llvmlite.binding
import numba
import numpy as np
from numba.core import caching, config
from numba.np.ufunc import parallel

import fastloss
from fastloss._cpu import kernel
from fastloss._cpu import threads as _threads
from fastloss.losses import shipped

# Numba makes the settings at import, unseen by type checkers, and leaves these functions untyped.
settings: Any = config
threading_layer: Any = parallel.threading_layer
function_cache: Any = caching.FunctionCache
# A function's file in Numba's cache: its name ends in the digest of all that it is made from.
_CACHED = re.compile(r"\w+\.\w+_[0-9a-f]{16}-\d+\..+\.nb[ic]")


def run() -> int:
    """Print the report."""
    facts = {
        "fastloss": f"{fastloss.__version__}, {Path(fastloss.__file__).parent}",
        "Python": f"{platform.python_version()}, {sys.executable}",
        "libraries": f"Numba {numba.__version__}, llvmlite {llvmlite.__version__}, NumPy {np.__version__}",
        "processor": f"{llvmlite.binding.get_host_cpu_name()} ({platform.machine()}), {_cores()}",
        "threads": _threading(),
        "kernel cache": _cache(),
        "CUDA": _cuda(),
        "losses": ", ".join(shipped()),
    }
    for name, fact in facts.items():
        print(f"{name + ':':14}{fact}")
    return 0


def _cores() -> str:
    total = os.cpu_count() or 1
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else total
    return f"{total} cores" + (f", {usable} of them for this process" if usable < total else "")


def _threading() -> str:
    """How many threads a large call takes, and through which layer, or why only one."""
    reason = _threads.serial_reason()
    if reason is not None:
        return f"1, serial kernels: {reason}"
    return f"{_threads.threads()}, threading layer {threading_layer()}"


def _cache() -> str:
    """Where what kernels are made of is kept, and how many functions that is."""
    if settings.DISABLE_JIT:
        return "none: NUMBA_DISABLE_JIT is set, nothing is compiled"
    try:
        folder = Path(function_cache(kernel.fold_pairs).cache_path)  # where Numba puts what that file makes
    except RuntimeError:
        return "none: Numba finds no folder it can write, kernels are compiled in every process"
    found = [path for path in folder.iterdir() if _CACHED.fullmatch(path.name)] if folder.is_dir() else []
    functions = sum(path.suffix == ".nbi" for path in found)
    size = sum(path.stat().st_size for path in found)
    return f"{folder}, {functions} function{'' if functions == 1 else 's'}, {size / 1e6:.1f} MB"


def _cuda() -> str:
    try:
        package = f"numba-cuda {version('numba-cuda')}"
    except PackageNotFoundError:
        package = "numba-cuda is not installed"
    return f"{package}; {_cuda_devices()}"


def _cuda_devices() -> str:
    """What NVIDIA's driver says, asked without a CUDA library."""
    name = "nvcuda" if sys.platform == "win32" else "cuda"
    path = ctypes.util.find_library(name)
    if path is None:
        return "no NVIDIA driver found"
    count = ctypes.c_int(0)
    try:
        driver = ctypes.CDLL(path)
        status = driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count))
    except (OSError, AttributeError) as error:
        return f"the NVIDIA driver {path} does not load: {error}"
    if status:
        return f"NVIDIA driver found, no usable device (CUDA error {status})"
    return f"NVIDIA driver found, {count.value} device{'' if count.value == 1 else 's'}"
