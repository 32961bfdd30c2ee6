"""Arrow datasets of files, with the options for each kind of file."""

import os
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.dataset as ds
from pyarrow.fs import LocalFileSystem

from fastloss._evaluate.sources.arrow import CSV, Arrow, needed, readable
from fastloss._evaluate.sources.kinds import files_of, kind_of
from fastloss._evaluate.sources.source import check_there, is_by

FORMATS = {"parquet": ds.ParquetFileFormat, "csv": CSV, "ipc": ds.IpcFileFormat}


def opened(path: str) -> Arrow:
    """The columns of a file or folder."""
    kind, files = kind_of(path), files_of(path)

    def make(columns: Mapping[str, str]) -> ds.Dataset:
        with readable(files[0]):  # the only one that is opened here
            return ds.dataset(files, format=_format(kind, columns, schema), **layout)

    with readable(files[0]):
        names = FORMATS[kind]().inspect(files[0], LocalFileSystem()).names
        if len(set(names)) < len(names):  # Arrow would make no dataset
            check_there(files[0], max(names, key=names.count), names)
        layout = _layout(path, files, names)
        schema = ds.dataset(files, format=FORMATS[kind](), **layout).schema
    return Arrow(path, make, schema, kind != "csv", **reading(kind))


def _layout(path: str, files: list[str], own: list[str]) -> dict[str, Any]:
    """Options for folders such as ``year=2026``: columns, unless the files have a column of that name."""
    values: dict[str, list[str | None]] = {}
    for file in files:
        for folder in os.path.relpath(file, path).split(os.sep)[:-1]:
            key, separator, value = folder.partition("=")
            if separator and key not in own:
                values.setdefault(key, []).append(None if value == "__HIVE_DEFAULT_PARTITION__" else value)
    keys = pa.schema([(key, _type(pa.array(given, pa.string()))) for key, given in values.items()])
    return {"partitioning": ds.HivePartitioning(keys), "partition_base_dir": path}


def _type(values: pa.Array) -> pa.DataType:
    """The type of keys in the names of folders, as Arrow itself would choose it."""
    try:
        return values.cast(pa.int32()).type
    except pa.ArrowInvalid:
        return values.type


def reading(kind: str) -> dict[str, Any]:
    """Options for reading a kind of file.

    Parquet columns are read as they are needed. Reading those of a whole file ahead pays only for remote
    files: without it, 30 million rows take 50 MB instead of 270, in the same time.
    """
    return (
        {"fragment_scan_options": ds.ParquetFragmentScanOptions(pre_buffer=False)}
        if kind == "parquet"
        else {}
    )


def _format(kind: str, columns: Mapping[str, str], schema: pa.Schema) -> Any:
    """The format of a kind of file: text groups keep the file's dictionary; CSV has the types of the roles.

    Arrow would guess the types of CSV columns from the first block, and fail at a 1.5 after a MiB of
    integers.
    """
    keys = {column for role, column in columns.items() if is_by(role)}
    if kind == "parquet":
        text = {column for column in keys if pa.types.is_string(schema.field(column).type)}
        return ds.ParquetFileFormat(read_options=ds.ParquetReadOptions(dictionary_columns=text))
    if kind == "csv":
        types = {column: needed(role) for role, column in columns.items()}
        return CSV(convert_options=pc.ConvertOptions(column_types=types))
    return FORMATS[kind]()
