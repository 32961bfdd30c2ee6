"""Files larger than memory: the memory of a run does not grow with them. The benchmark of files runs."""

import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from benchmarks import files
from tests.subprocesses import answer, run_python

LIMIT = 64 << 20  # bytes that a run may take beyond what a small file takes
ROWS = 1 << 21
#: How much higher the peak memory of a fresh process is after the folder than after one small file.
RUN = """
import json, resource
import fastloss

def height():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

fastloss.evaluate("small.parquet", "huber", by=BY)
before = height()
found = fastloss.evaluate("data", "huber", by=BY)
print(json.dumps([(height() - before) * 1024, found["huber"].tolist(), found["count"].tolist()]))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of files, together at least four times as large as the limit."""
    path = tmp_path_factory.mktemp("large")
    rng = np.random.default_rng(0)
    numbers = rng.random((2, ROWS))
    table = pa.table({"pred": numbers[0], "target": numbers[1], "key": rng.choice(["a", "b"], ROWS)})
    os.mkdir(path / "data")
    pa.parquet.write_table(table.slice(0, ROWS // 4), path / "small.parquet", row_group_size=1 << 17)
    pa.parquet.write_table(table, path / "data" / "0.parquet", row_group_size=1 << 17)
    for k in range(1, 8):
        os.link(path / "data" / "0.parquet", path / "data" / f"{k}.parquet")
    assert sum(each.stat().st_size for each in (path / "data").iterdir()) >= 4 * LIMIT
    return path


@pytest.mark.parametrize("by", [None, "key"])
def test_a_folder_four_times_as_large_as_memory(folder, by):
    more, values, counts = answer(run_python(RUN.replace("BY", repr(by)), cwd=folder))
    assert more <= LIMIT
    assert sum(counts) == 8 * ROWS
    assert all(0.08 < value < 0.09 for value in values)  # near 1 / 12, for random numbers from 0 to 1


def test_the_benchmark_runs(monkeypatch):
    monkeypatch.setattr(files, "PART", 3000)
    found = files.speeds("float32", "zstd", rows=10_000, rounds=1)
    assert len(found) == 4
    assert all(speed > 0 for speed in found.values())
