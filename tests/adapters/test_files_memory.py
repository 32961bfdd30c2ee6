"""Files larger than memory: the memory of a run does not grow with them. The benchmark of files runs."""

import os
import time

import numpy as np
import pyarrow as pa
import pyarrow.dataset
import pyarrow.ipc
import pyarrow.parquet
import pytest

from benchmarks import files
from fastloss._evaluate.sources.scanning import Scan
from tests.subprocesses import answer, run_python

ROWS, FILES = 1 << 21, 16
#: How many bytes more a run may take than one of a small file.
LIMITS = {"parquet": 64 << 20, "arrow": 128 << 20}
#: How much higher the peak memory of a fresh process is after the folder than after one small file.
RUN = """
import json, resource
import fastloss

def height():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

fastloss.evaluate("small.KIND", "huber", by=BY)
before = height()
found = fastloss.evaluate("data", "huber", by=BY)
print(json.dumps([(height() - before) * 1024, found["huber"].tolist(), found["count"].tolist()]))
"""


def write(kind, path, table):
    if kind == "parquet":
        pa.parquet.write_table(table, path, row_group_size=1 << 17)
    else:
        with pa.ipc.new_file(path, table.schema) as file:
            file.write_table(table, max_chunksize=1 << 17)


@pytest.fixture(scope="module", params=LIMITS)
def folder(request, tmp_path_factory):
    """A folder of files four times as large as the limit or more: one file by many names."""
    kind, path = request.param, tmp_path_factory.mktemp("large")
    rng = np.random.default_rng(0)
    numbers = rng.random((2, ROWS))
    table = pa.table({"pred": numbers[0], "target": numbers[1], "key": rng.choice(["a", "b"], ROWS)})
    os.mkdir(path / "data")
    write(kind, path / f"small.{kind}", table.slice(0, ROWS // 4))
    write(kind, first := path / "data" / f"0.{kind}", table)
    for k in range(1, FILES):
        os.link(first, first.with_stem(str(k)))
    assert FILES * first.stat().st_size >= 4 * LIMITS[kind]
    return path


@pytest.mark.parametrize("by", [None, "key"])
def test_memory_does_not_grow_with_a_folder(folder, by):
    kind = next(folder.glob("small.*")).suffix[1:]
    run = RUN.replace("KIND", kind).replace("BY", repr(by))
    more, values, counts = answer(run_python(run, cwd=folder))
    assert more <= LIMITS[kind]
    assert sum(counts) == FILES * ROWS
    assert all(0.08 < value < 0.09 for value in values)  # near 1 / 12, for random numbers from 0 to 1


@pytest.mark.parametrize("kind", LIMITS)
def test_a_file_is_not_read_far_ahead_of_a_slow_reader(kind, tmp_path):
    numbers = np.random.default_rng(0).random(4 * ROWS)
    table = pa.table({"pred": numbers, "target": numbers})
    assert table.nbytes >= 2 * LIMITS["parquet"]
    write(kind, tmp_path / "data", table)
    dataset = pa.dataset.dataset(tmp_path / "data", format={"arrow": "ipc"}.get(kind, kind))
    before, most, rows = pa.total_allocated_bytes(), 0, 0
    for batch in Scan(dataset, ["pred", "target"]).batches():
        time.sleep(0.005)  # Arrow reads a batch in less
        most = max(most, pa.total_allocated_bytes() - before)
        rows += batch.num_rows
    assert rows == len(table)
    assert most <= LIMITS["parquet"]


def test_the_benchmark_runs(monkeypatch):
    monkeypatch.setattr(files, "PART", 3000)
    found = files.speeds("float32", "zstd", rows=10_000, rounds=1)
    assert found.keys() >= {"one loss against the scan", "groups against Polars"}
    assert all(speed > 0 for speed in found.values())
