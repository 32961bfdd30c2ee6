"""A column of results as a file of the same kind as the input, which gets its name when it is complete."""

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.lib import format as npy

from fastloss._evaluate.sources.kinds import KINDS, kind_of
from fastloss.commands import CommandError
from fastloss.commands.npy import Output

Array = np.ndarray[Any, Any]
DType = np.dtype[Any]

_GROUP = 8  # blocks in a row group of Parquet: 2**20 rows, as in pyarrow itself


class ColumnOutput(Output):
    """A file of one column.

    Parameters
    ----------
    option, path : str
    inputs : iterable
        Files that it must not replace, with `path` and `stat`.
    force : bool
        Whether it may replace another file.
    like : str
        The input whose kind the file has; for .npz, it is a .npy file.
    """

    def __init__(self, option: str, path: str, inputs: Iterable[Any], force: bool, like: str) -> None:
        super().__init__(option, path, inputs, force)
        self._kind = kind_of(like)
        ends = [end for end, kind in KINDS.items() if kind == self._kind and end != ".npz"]
        if os.path.splitext(path)[1].lower() not in ends:
            raise CommandError(f"{option} must end in {' or '.join(ends)} to match {like}, got {path}")
        self._write: Callable[[Array], object]
        self._writer: Any = None
        self._waiting: list[Array] = []

    def begin(self, column: str, dtype: DType, shape: tuple[int, ...] | None) -> None:
        """Create the file, for a column of this name and type; a .npy file takes the shape instead."""
        with self._named_errors():
            file = self.begun()
            if self._kind == "npy":
                header = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
                npy.write_array_header_1_0(file, header)
                self._write = lambda block: file.write(block.data.cast("B"))
            else:
                self._write = self._arrow(column, dtype)

    def _arrow(self, column: str, dtype: DType) -> Callable[[Array], object]:
        import pyarrow as pa
        import pyarrow.csv
        import pyarrow.parquet

        schema = pa.schema([(column, pa.from_numpy_dtype(dtype))])
        makers = {
            "parquet": pa.parquet.ParquetWriter,
            "csv": pa.csv.CSVWriter,
            "ipc": pa.ipc.new_file,
        }
        self._writer = makers[self._kind](self.file, schema)
        return lambda block: self._writer.write_table(pa.table([block], schema=schema))

    def take(self, block: Array) -> None:
        """Take the results of more rows, to be written in groups."""
        self._waiting.append(block)
        if len(self._waiting) == _GROUP:
            self._write_waiting()

    def _write_waiting(self) -> None:
        with self._named_errors():
            if self._waiting:
                self._write(np.concatenate(self._waiting))
            self._waiting = []

    def end(self) -> None:
        """Write the rest, and flush the file to disk."""
        self._write_waiting()
        with self._named_errors():
            if self._writer is not None:
                self._writer.close()
            if self.file is not None:
                self.file.flush()
                os.fsync(self.file.fileno())

    def discard(self) -> None:
        """Remove what has not been published."""
        with suppress(Exception):  # an Arrow writer that is not closed writes once more, and complains
            if self._writer is not None:
                self._writer.close()
        super().discard()
