"""Losses over Parquet files against Arrow's plain scan of the same columns, and groups against Polars.

    python -m benchmarks.files

This needs the extra ``frames``. All contenders run in turn, on files that are in the page cache. The scan
is Arrow's own, in its threads.
"""

import os
import tempfile
from typing import Any

import numpy as np

import fastloss
from benchmarks.pairs import Call, Timings

ROWS, GROUPS, ROUNDS = 100_000_000, 100, 7
FORMS = ("float32", "none"), ("float32", "snappy"), ("float64", "none"), ("float64", "zstd")
#: Arrow's own readahead, 16 batches of 4 files, takes four times the memory and no less time.
SCAN = {"batch_size": 1 << 17, "batch_readahead": 4, "fragment_readahead": 2}
PART = 1 << 20  # rows of a row group


def write(path: str, dtype: str, compression: str, rows: int) -> None:
    """Write a file of predictions, targets and groups named by strings."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(0)
    keys = pa.array([f"group {k}" for k in range(GROUPS)])
    schema = pa.schema(
        [("pred", pa.from_numpy_dtype(dtype)), ("target", pa.from_numpy_dtype(dtype)), ("key", "str")]
    )
    options: dict[str, Any] = {"compression": compression, "use_dictionary": ["key"]}
    with pq.ParquetWriter(path, schema, **options) as file:
        for lo in range(0, rows, PART):
            size = min(PART, rows - lo)
            pred = rng.standard_normal(size, np.float32).astype(dtype)
            target = pred + rng.standard_normal(size, np.float32).astype(dtype)
            key = keys.take(pa.array(rng.integers(0, GROUPS, size)))
            file.write_table(pa.table({"pred": pred, "target": target, "key": key}), row_group_size=PART)


def scan(path: str, by: str | None = None) -> None:
    """Read the columns as fastloss does, and do nothing with them."""
    import pyarrow.dataset as ds

    from fastloss._evaluate.sources import files

    dictionaries = ds.ParquetReadOptions(dictionary_columns={by} if by else set())
    dataset = ds.dataset(path, format=ds.ParquetFileFormat(read_options=dictionaries))
    columns = ["pred", "target", *([by] if by else [])]
    for _ in dataset.scanner(columns=columns, **SCAN, **files.reading("parquet")).to_batches():
        pass


def in_polars(path: str) -> Any:
    """Compute the mean absolute error of each group with Polars."""
    import polars as pl

    error = (pl.col("pred") - pl.col("target")).abs()
    return pl.scan_parquet(path).group_by("key").agg(error.mean(), pl.len()).collect(engine="streaming")


def speeds(dtype: str, compression: str, rows: int = ROWS, rounds: int = ROUNDS) -> dict[str, float]:
    """How many times as fast as the plain scan or Polars some evaluations are."""
    with tempfile.TemporaryDirectory() as folder:
        write(path := os.path.join(folder, "data.parquet"), dtype, compression, rows)
        contenders: dict[str, Call] = {
            "scan": lambda: scan(path),
            "one loss": lambda: fastloss.evaluate(path, "huber"),
            "two losses": lambda: fastloss.evaluate(path, ["huber", "absolute_error"]),
            "scan with keys": lambda: scan(path, "key"),
            "groups": lambda: fastloss.evaluate(path, "absolute_error", by="key"),
            "Polars": lambda: in_polars(path),
        }
        timings = Timings(contenders, rounds)
        return {
            "one loss against the scan": timings.speed("one loss", "scan"),
            "two losses against the scan": timings.speed("two losses", "scan"),
            "groups against the scan": timings.speed("groups", "scan with keys"),
            "groups against Polars": timings.speed("groups", "Polars"),
        }


def main() -> None:
    for dtype, compression in FORMS:
        for what, speed in speeds(dtype, compression).items():
            print(f"{ROWS:,} rows of {dtype}, {compression}: {what}, {speed:.2f} times as fast", flush=True)


if __name__ == "__main__":
    main()
