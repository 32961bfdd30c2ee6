"""A .npy file, or members of a .npz file, read and not mapped, so that truncation is only an error."""

import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import prod
from typing import IO

import numpy as np

from fastloss._evaluate.sources.header import Damaged, header
from fastloss._evaluate.sources.memory import coded
from fastloss._evaluate.sources.source import (
    Array,
    Block,
    DType,
    check_lengths,
    check_type,
    is_by,
    refuse_missing,
)

_ROWS = 1 << 17  # of a block
_BYTES = 1 << 26  # of a block of keys, which may be wide and compress well
WIDEST = 1 << 12  # bytes of a key
_Header = tuple[tuple[int, ...], bool, DType]


class Npy:
    """The elements of one array, or of members of a .npz file, in the order of the file."""

    def __init__(self, path: str) -> None:
        self.name = path
        self._zipped = path.lower().endswith(".npz")
        self._headers: dict[str, _Header] = {}

    def dtype(self, role: str, column: str) -> DType:
        if column and not self._zipped:
            raise ValueError(f"evaluate: {self.name} has no column {column!r}: it holds a single array")
        with self._open(column) as (_, header):
            self._headers[column] = header
            if header[1] and len(header[0]) > 1:
                raise Damaged(f"it is in Fortran order, expected C order, with shape {header[0]}")
            if is_by(role) and (size := header[2].itemsize) > WIDEST:
                raise Damaged(f"its keys have {size:,} bytes each, expected at most {WIDEST:,}")
        return check_type(self.name, role, column, header[2])

    def rows(self) -> int | None:
        return min(prod(shape) for shape, _, _ in self._headers.values())

    def shape(self, column: str) -> tuple[int, ...] | None:
        return self._headers[column][0]

    @contextmanager
    def _open(self, column: str) -> Iterator[tuple[IO[bytes], _Header]]:
        """Open a member or the file itself, and read its header; errors are raised with its name."""
        place = f"{self.name}::{column}" if self._zipped else self.name
        try:
            with open(self.name, "rb") as file:
                if not self._zipped:
                    yield file, header(file)
                    return
                with zipfile.ZipFile(file) as archive:
                    names = [name.removesuffix(".npy") for name in archive.namelist()]
                    if column not in names:
                        refuse_missing(self.name, column, names)
                    with archive.open(archive.namelist()[names.index(column)]) as member:
                        yield member, header(member)
        except Exception as error:  # zipfile lets many types out: zlib.error, struct.error, lzma.LZMAError
            if type(error) is ValueError:  # of our own
                raise
            reason = getattr(error, "strerror", None) or error
            raise ValueError(f"evaluate: cannot read {place}: {reason}") from error

    def blocks(self, columns: Mapping[str, str]) -> Iterator[Block]:
        check_lengths(self.name, {column: prod(self._headers[column][0]) for column in columns.values()})
        rows = min(_ROWS, *(_BYTES // self._headers[column][2].itemsize for column in columns.values()))
        streams = {role: self._arrays(column, rows) for role, column in columns.items()}
        for parts in zip(*streams.values(), strict=True):
            block: Block = dict(zip(streams, parts, strict=True))
            for role in filter(is_by, block):
                block[role] = coded(block[role], self.name, columns[role])
            yield block

    def _arrays(self, column: str, rows: int) -> Iterator[Array]:
        with self._open(column) as (file, (shape, _, dtype)):
            size = prod(shape)
            for lo in range(0, size, rows):
                part = np.empty(min(rows, size - lo), dtype)
                raw, filled = part.view(np.uint8).data, 0
                while filled < raw.nbytes:
                    got = file.readinto(raw[filled:])  # type: ignore[attr-defined]
                    if not got:
                        raise Damaged(
                            f"it is cut short: {lo + filled // dtype.itemsize:,} of {size:,} numbers"
                        )
                    filled += got
                yield part
