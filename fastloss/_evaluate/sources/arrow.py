"""Columns by Arrow's scanner: of Parquet, CSV and IPC files, folders of them, and tables in memory."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.dataset as ds
from pyarrow.fs import LocalFileSystem

from fastloss._evaluate.sources.keys import Keys
from fastloss._evaluate.sources.scanning import Scan, fragments_of
from fastloss._evaluate.sources.source import (
    Block,
    DType,
    check_there,
    is_by,
    refuse_missing,
    refuse_type,
)

#: CSV files. Cells may have several lines, which takes 3 % more time.
CSV = partial(ds.CsvFileFormat, parse_options=pc.ParseOptions(newlines_in_values=True))


def needed(role: str) -> pa.DataType:
    """The type that a role needs of a column of a CSV file."""
    return pa.string() if is_by(role) else pa.bool_() if role == "where" else pa.float64()


class Arrow:
    """The columns of an Arrow dataset.

    Parameters
    ----------
    name : str
        What messages call it.
    make : callable
        Makes the dataset from the columns by their roles, when all of these are known.
    schema : pyarrow.Schema
        Its columns, as far as they are known before.
    typed : bool
        Whether the schema has their types. Columns of CSV files get the types that their roles need.
    **reading
        Further options of the scanner.
    """

    def __init__(
        self,
        name: str,
        make: Callable[[Mapping[str, str]], ds.Dataset],
        schema: pa.Schema,
        typed: bool = True,
        **reading: Any,
    ) -> None:
        self.name, self._make, self._schema, self._typed = name, make, schema, typed
        self._reading = reading
        self._columns: dict[str, str] = {}
        self._dataset: ds.Dataset | None = None
        self._keys: dict[str, Keys] = {}  # by their roles

    def dtype(self, role: str, column: str) -> DType:
        check_there(self.name, column, self._schema.names)
        for other, its in self._columns.items():
            if not self._typed and its == column and needed(other) != needed(role):
                raise TypeError(
                    f"evaluate: column {column!r} of {self.name} is given as {other} and "
                    f"{role}, which need different types: {needed(other)} and {needed(role)}"
                )
        self._columns[role] = column
        found = self._schema.field(column).type
        if not _fits(role, found, self._typed):
            refuse_type(self.name, role, column, found)
        if is_by(role):
            self._keys[role] = Keys(self.name, column)
            return np.dtype(object)
        return np.dtype(
            found.to_pandas_dtype() if self._typed else np.bool_ if role == "where" else np.float64
        )

    def _opened(self) -> ds.Dataset:
        if self._dataset is None:
            self._dataset = self._make(self._columns)
            numbers = {column for role, column in self._columns.items() if not is_by(role)}
            _check_files(self._dataset, self._columns.values(), numbers)
        return self._dataset

    def rows(self) -> int | None:
        with readable(self.name, lambda: self._culprit(self._opened(), list(self._columns.values()))):
            return self._opened().count_rows() if self._typed else None

    def shape(self, column: str) -> tuple[int, ...] | None:
        return None

    def blocks(self, columns: Mapping[str, str]) -> Iterator[Block]:
        wanted = sorted(set(columns.values()))
        scan = Scan(self._opened(), wanted, **self._reading)
        with closing(scan.batches()) as batches:
            while True:
                with readable(self.name, lambda: self._culprit(scan.piece, wanted)):
                    batch = next(batches, None)
                    if batch is None:
                        return
                    self._validate(batch)
                    found = {role: batch.column(column) for role, column in columns.items()}
                    block = {
                        role: self._keys[role].coded(x) if is_by(role) else _numbers(x)
                        for role, x in found.items()
                    }
                yield block

    def _validate(self, batch: pa.RecordBatch) -> None:
        """Refuse arrays that would be read past their end: Arrow does not check IPC files for damage."""
        if isinstance(getattr(self._opened(), "format", None), ds.IpcFileFormat):
            for x in batch.columns:
                x.validate(full=True)

    def _culprit(self, piece: ds.Dataset, columns: list[str]) -> str:
        """The file that cannot be read: the first of a piece that fails by itself."""
        for fragment in fragments_of(piece):
            try:
                for batch in fragment.to_batches(columns=columns, schema=piece.schema):
                    self._validate(batch)
            except (pa.ArrowException, OSError):
                return str(fragment.path)
        return self.name


def _fits(role: str, found: Any, typed: bool) -> bool:
    """Whether a column of a type can have a role; a CSV column that is empty so far can have any."""
    types = pa.types
    number = types.is_integer(found) or types.is_floating(found)
    if is_by(role):
        held = found.value_type if types.is_dictionary(found) else getattr(found, "storage_type", found)
        return not types.is_nested(held)
    if not typed:
        return number or types.is_null(found) or (role == "where" and types.is_boolean(found))
    return bool(types.is_boolean(found)) or (role != "where" and number)


def _numbers(x: Any) -> Any:
    """A column as an array, a masked one if there are nulls."""
    if not x.null_count:
        return x.to_numpy(zero_copy_only=False)
    missing = x.is_null().to_numpy(zero_copy_only=False)
    if pa.types.is_boolean(x.type):
        return np.ma.MaskedArray(x.fill_null(False).to_numpy(zero_copy_only=False), missing)
    # Older versions of Arrow cannot fill float16.
    held = np.frombuffer(x.buffers()[1], x.type.to_pandas_dtype())[x.offset : x.offset + len(x)].copy()
    held[missing] = 0  # not a NaN, which would count twice
    return np.ma.MaskedArray(held, missing)


def _check_files(dataset: ds.Dataset, columns: Iterable[str], numbers: set[str]) -> None:
    """Refuse a file that cannot be read, lacks a column, or has it in another type than the first file."""
    first = dataset.schema
    for fragment in fragments_of(dataset):
        with readable(fragment.path):
            schema = fragment.physical_schema
        for column in set(columns) - ds.get_partition_keys(fragment.partition_expression).keys():
            if schema.get_field_index(column) < 0:
                refuse_missing(fragment.path, column, schema.names)
            there, wanted = schema.field(column).type, first.field(column).type
            if column in numbers and there != wanted:
                raise TypeError(
                    f"evaluate: column {column!r} of {fragment.path} is {there}, in the first file {wanted}"
                )


@contextmanager
def readable(name: str, culprit: Callable[[], str] | None = None) -> Iterator[None]:
    """Report in one line which file cannot be read and why, with column names in place of Arrow's numbers."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        place = name if culprit is None else culprit()
        lines = str(error).splitlines() or [type(error).__name__]
        reason = lines[0].rpartition("': ")[2].removeprefix("Invalid: ")  # without the path that Arrow gives
        if number := re.search(r"CSV column #(\d+)", reason):
            with suppress(pa.ArrowException, OSError, IndexError):  # a caller's dataset has its own options
                columns = CSV().inspect(place, LocalFileSystem()).names
                reason = reason.replace(number[0], f"column {columns[int(number[1])]!r}")
        raise ValueError(f"evaluate: cannot read {place}: {reason}") from error
