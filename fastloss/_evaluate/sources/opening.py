"""Choose the source for what a caller gave."""

import os
from collections.abc import Mapping
from typing import Any

from fastloss._evaluate.sources.kinds import files_of, kind_of
from fastloss._evaluate.sources.memory import Memory
from fastloss._evaluate.sources.npy import Npy
from fastloss._evaluate.sources.source import Source, check_there


def opened(given: Any, columns: list[str]) -> Source:
    """The source of some columns.

    Parameters
    ----------
    given : str, path, mapping or table
    columns : list of str
        Those that will be read; only these are taken from a frame.
    """
    if isinstance(given, str | os.PathLike):
        return _file(os.fspath(given))
    if isinstance(given, Mapping):
        return Memory(given)
    if not hasattr(type(given), "__arrow_c_stream__") and not hasattr(given, "get_fragments"):
        raise TypeError(
            "evaluate: source must be a path, a mapping of names to arrays, or an Arrow, pandas or Polars "
            f"table, got {type(given).__name__}"
        )
    return _table(given, columns)


def _file(path: str) -> Source:
    for each in files_of(path):
        if not os.path.exists(each):
            raise ValueError(f"evaluate: cannot read {each}: there is no such file or folder")
        if not os.path.isfile(each):
            raise ValueError(f"evaluate: cannot read {each}: it is a device, not a file or folder")
    if kind_of(path) == "npy":
        if os.path.isdir(path):
            raise ValueError(
                f"evaluate: cannot read {path}: expected a folder of Parquet, CSV or Arrow files"
            )
        return Npy(path)
    needs_arrow(f"to read {path}")
    from fastloss._evaluate.sources import files

    return files.opened(path)


def _table(given: Any, columns: list[str]) -> Source:
    needs_arrow(f"to read a {type(given).__name__}")
    import pyarrow as pa
    import pyarrow.dataset as ds

    from fastloss._evaluate.sources.arrow import Arrow, readable

    what = f"the {type(given).__name__}"
    if hasattr(given, "columns") and not isinstance(given, pa.Table | pa.RecordBatch):
        known = list(given.columns)
        for column in columns:
            check_there(what, column, known)
        given = given[list(dict.fromkeys(columns))]
        schema = getattr(given, "schema", None)
        for column, kind in schema.items() if isinstance(schema, Mapping) else ():
            if str(kind) == "Object":  # of Polars, which would hand over the addresses of the objects
                raise TypeError(f"evaluate: column {column!r} of {what} holds Python objects")
    with readable(what):
        given = given if isinstance(given, ds.Dataset) else ds.dataset(pa.table(given))
    return Arrow(what, lambda _: given, given.schema)


def needs_arrow(why: str) -> None:
    """Raise ImportError, with what to install, if pyarrow is missing."""
    try:
        import pyarrow.dataset  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"evaluate: pyarrow is needed {why}: pip install 'fastloss[parquet]' ({error})"
        ) from error
