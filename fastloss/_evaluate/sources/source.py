"""The interface of all sources of columns."""

from collections.abc import Iterator, Mapping
from typing import Any, NoReturn, Protocol

import numpy as np

from fastloss._rules.options import nearest

Array = np.ndarray[Any, Any]
DType = np.dtype[Any]
#: A block of rows by role: arrays, which are masked where numbers are missing, and `Coded` groups.
Block = dict[str, Any]
#: The role of a column of keys, by which rows are grouped. Other roles are the names of a loss's operands.
BY = "by"


def by_roles(count: int) -> list[str]:
    """The roles of several columns of keys: "by", "by 2", "by 3" and so on."""
    return [BY if place == 1 else f"{BY} {place}" for place in range(1, count + 1)]


def is_by(role: str) -> bool:
    """Whether a role is that of a column of keys."""
    return role.startswith(BY)


class Source(Protocol):
    """Columns of one length, read in order, each block once."""

    #: What messages call it.
    name: str

    def dtype(self, role: str, column: str) -> DType:
        """The dtype of a column's numbers, if it can have that role; nothing is read yet."""
        ...

    def rows(self) -> int | None:
        """The number of rows, if it is known without reading everything."""
        ...

    def shape(self, column: str) -> tuple[int, ...] | None:
        """The shape of a column that is an array in a file; its rows are the elements in C order."""
        ...

    def blocks(self, columns: Mapping[str, str]) -> Iterator[Block]:
        """Blocks of rows of any sizes, of these columns by their roles."""
        ...


def refuse_missing(name: str, column: str, columns: list[Any]) -> NoReturn:
    """Refuse a column that a source lacks."""
    there = f": it has {', '.join(map(str, columns[:8]))}{', ...' * (len(columns) > 8)}" if columns else ""
    hint = nearest(column, [each for each in columns if isinstance(each, str)])
    raise ValueError(f"evaluate: {name} has no column {column!r}{there}{hint}")


def check_there(name: str, column: str, columns: list[Any]) -> None:
    """Refuse a column that a source lacks, or has more than once."""
    if column not in columns:
        refuse_missing(name, column, columns)
    if (count := columns.count(column)) > 1:
        raise ValueError(f"evaluate: {name} has {count} columns {column!r}, expected one")


def place_of(name: str, column: str) -> str:
    """What messages call a column, or a file that holds a single array."""
    return f"column {column!r} of {name}" if column else name


def refuse_type(name: str, role: str, column: str, dtype: Any) -> NoReturn:
    """Refuse a column of a type that its role cannot have."""
    wanted = "booleans" if role == "where" else "real numbers of at most 64 bits"
    if is_by(role):
        role, wanted = BY, "keys, such as text or integers"
    raise TypeError(f"evaluate: {place_of(name, column)}, given as {role}, must hold {wanted}, got {dtype}")


def check_type(name: str, role: str, column: str, dtype: DType) -> DType:
    """Refuse a NumPy array of a dtype that its role cannot have."""
    fits = dtype.kind == "b" if role == "where" else dtype.kind in "fiub" and dtype.itemsize <= 8
    if not (fits or (is_by(role) and dtype.kind in "fiubUSOM")):
        refuse_type(name, role, column, dtype)
    return dtype


def refuse_nan_keys(name: str, column: str, count: int) -> None:
    """Refuse NaN among the keys of groups, as no two of them are equal."""
    if count:
        raise ValueError(
            f"evaluate: {place_of(name, column)}, given as by, must not hold NaN, got {count:,} of them"
        )


def check_lengths(name: str, sizes: Mapping[str, int]) -> None:
    """Refuse columns of several lengths."""
    if len(set(sizes.values())) > 1:
        shown = ", ".join(f"{column!r} {size:,}" for column, size in sizes.items())
        raise ValueError(f"evaluate: columns of {name} must have the same length, got rows: {shown}")
