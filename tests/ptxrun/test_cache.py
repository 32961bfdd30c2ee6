"""The cache of compiled code."""

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

from tests import ptxrun

from . import launch
from .kernels import F4, add, compiled, normal


def test_cache_survives_concurrent_builds(tmp_path, monkeypatch):
    monkeypatch.setattr(launch.tempfile, "tempdir", str(tmp_path))
    ptx = compiled(add, (F4,) * 3).ptx
    a = normal(100)

    def build_and_run(_):
        out = np.zeros(100, "f4")
        ptxrun.load(ptx, (F4,) * 3)[1, 128](a, a, out)
        return np.array_equal(out, a + a)

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(build_and_run, range(8)))
    (folder,) = tmp_path.iterdir()
    assert [path.suffix for path in folder.iterdir()] == [".so"]


def test_missing_compiler_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(launch.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(launch, "shutil", SimpleNamespace(which=lambda name: None))
    with pytest.raises(ptxrun.PtxError, match="C compiler"):
        ptxrun.load(compiled(add, (F4,) * 3).ptx, (F4,) * 3)[1, 1](*[normal(1)] * 3)
