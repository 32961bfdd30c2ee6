"""Datasets of files for `arrow`: which kind they are, and what is told to Arrow of each kind."""

import os
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.dataset as ds

from fastloss._evaluate.sources.arrow import Arrow, readable
from fastloss._evaluate.sources.source import BY

#: Kinds of files by the ends of their names.
KINDS = {".parquet": "parquet", ".pq": "parquet", ".csv": "csv"} | dict.fromkeys(
    (".arrow", ".feather", ".ipc"), "ipc"
)


def kind_of(path: str) -> str:
    """The kind of a file, or of all files of a folder."""
    if not os.path.isdir(path):
        return _kind(path)
    found: dict[str, str] = {}
    for folder, folders, names in os.walk(path):
        folders[:] = [each for each in folders if not each.startswith((".", "_"))]  # as Arrow does
        for name in names:
            if not name.startswith((".", "_")):
                full = os.path.join(folder, name)
                found.setdefault(_kind(full), full)
    if not found:
        raise ValueError(f"evaluate: cannot read {path}: there is no file in the folder")
    if len(found) > 1:
        raise ValueError(
            f"evaluate: cannot read {path}: files of two kinds, {' and '.join(sorted(found.values()))}"
        )
    (kind,) = found
    return kind


def _kind(path: str) -> str:
    end = os.path.splitext(path)[1].lower()
    if end not in KINDS:
        known = ", ".join([".npy", ".npz", *KINDS])
        raise ValueError(f"evaluate: cannot read {path}: expected a file that ends in {known}")
    return KINDS[end]


def opened(path: str) -> Arrow:
    """The columns of a file or folder."""
    kind = kind_of(path)

    def make(columns: Mapping[str, str]) -> ds.Dataset:
        return ds.dataset(path, format=_format(kind, columns, schema), partitioning="hive")

    with readable(path):
        schema = ds.dataset(path, format=kind, partitioning="hive").schema
    return Arrow(path, make, schema, kind != "csv", **reading(kind))


def reading(kind: str) -> dict[str, Any]:
    """What Arrow is told of how to read a kind of file.

    Parquet's columns are read as they are needed, not a whole file's ahead, as is worth it for a remote one:
    30 million rows take 50 MB instead of 270, in the same time.
    """
    return (
        {"fragment_scan_options": ds.ParquetFragmentScanOptions(pre_buffer=False)}
        if kind == "parquet"
        else {}
    )


def _format(kind: str, columns: Mapping[str, str], schema: pa.Schema) -> Any:
    """What Arrow is told: groups of text stay in the file's dictionary; CSV has the types that roles need.

    Arrow would guess these from the first block, and fail at a 1.5 after a MiB of integers.
    """
    by = columns.get(BY)
    if kind == "parquet" and by is not None and pa.types.is_string(schema.field(by).type):
        return ds.ParquetFileFormat(read_options=ds.ParquetReadOptions(dictionary_columns={by}))
    if kind == "csv":
        needed = {BY: pa.string(), "where": pa.bool_()}
        types = {column: needed.get(role, pa.float64()) for role, column in columns.items()}
        return ds.CsvFileFormat(convert_options=pc.ConvertOptions(column_types=types))
    return kind
