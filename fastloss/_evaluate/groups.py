"""The groups of rows: each key of a column, or each combination of keys of several, with its index."""

from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from fastloss._evaluate.sums import Codes

Array = np.ndarray[Any, Any]
_MOST = 1 << 28  # pairs of keys that a table has room for


class Coded(NamedTuple):
    """A block of a column of keys: for each row the index of its key, or -1 if it has none.

    The keys of the next block may be the same list, with more keys at its end.
    """

    places: Array
    keys: list[Any]
    missing: bool


class Groups:
    """The groups seen so far.

    Parameters
    ----------
    columns : int
        The number of columns of keys.
    """

    def __init__(self, columns: int = 1) -> None:
        self._columns = [_Keys() for _ in range(columns)]
        self._pairs = [_Pairs() for _ in range(columns - 1)]  # each of the groups so far and one column more

    def __len__(self) -> int:
        return len((self._pairs or self._columns)[-1])

    def codes(self, blocks: list[Coded]) -> Codes:
        """The index of each row's group."""
        first, *others = [keys.codes(block) for keys, block in zip(self._columns, blocks, strict=True)]
        size = len(self._columns[0])
        for pairs, keys, other in zip(self._pairs, self._columns[1:], others, strict=True):
            first, size = pairs.codes(first, other, (size, len(keys))), len(pairs)
        return first

    def in_order(self, used: Array) -> tuple[list[list[Any]], Array]:
        """The keys of the groups in use, in order, as a list for each column; and the groups' indices."""
        places = np.flatnonzero(used[: len(self)])
        parts: list[Array] = []
        first: Array = places
        for pairs in reversed(self._pairs):
            first, other = pairs.firsts[first], pairs.seconds[first]
            parts.insert(0, other)
        ordered = [keys.in_order(part) for keys, part in zip(self._columns, [first, *parts], strict=True)]
        order = np.lexsort([ranks for _, ranks in reversed(ordered)])
        return [[keys[rank] for rank in ranks[order]] for keys, ranks in ordered], places[order]


class _Keys:
    """The keys of a column. As in Polars and SQL, a missing key is a key of its own, None."""

    def __init__(self) -> None:
        self._places: dict[Any, int] = {}
        self._list: list[Any] = []  # the keys of the block before
        self._table = np.zeros(1, np.int32)  # their indices, and the index of a missing key

    def __len__(self) -> int:
        return len(self._places)

    def codes(self, block: Coded) -> Codes:
        """The index of each row's key."""
        known = self._table[:-1] if block.keys is self._list else self._table[:0]
        if block.keys is not self._list or len(block.keys) > known.size:
            new = [self._place(key) for key in block.keys[known.size :]]
            self._list, self._table = block.keys, np.array([*known, *new, 0], np.int32)
        if block.missing:
            self._table[-1] = self._place(None)
        return self._table.take(block.places)  # -1 is the last

    def _place(self, key: Any) -> int:
        return self._places.setdefault(key, len(self._places))

    def in_order(self, places: Array) -> tuple[list[Any], Array]:
        """The keys at these indices, sorted if possible, with None last, and the rank of each index."""
        used = np.zeros(len(self), bool)
        used[places] = True
        keys = [key for key, place in self._places.items() if key is not None and used[place]]
        with suppress(TypeError):  # keys of several types
            keys.sort()
        if None in self._places and used[self._places[None]]:
            keys.append(None)
        ranks = np.zeros(len(self), np.int64)
        ranks[[self._places[key] for key in keys]] = range(len(keys))
        return keys, ranks[places]


class _Pairs:
    """The pairs of two indices seen so far.

    Attributes
    ----------
    firsts, seconds : ndarray of int
        The two indices of each pair.
    """

    def __init__(self) -> None:
        self.firsts = self.seconds = np.zeros(0, np.int32)
        self._table = np.zeros((0, 0), np.int32)  # 1 + the pair's index, or 0 if it was not seen

    def __len__(self) -> int:
        return self.firsts.size

    def codes(self, firsts: Codes, seconds: Codes, sizes: tuple[int, int]) -> Codes:
        """The index of each row's pair of indices, which are below these sizes."""
        self._grow(sizes)
        table, width = self._table.reshape(-1), self._table.shape[1]
        at = firsts * np.int64(width) + seconds
        places = table.take(at)
        if not places.all():
            new = np.unique(at[places == 0])
            table[new] = np.arange(len(self) + 1, len(self) + 1 + new.size)
            self.firsts = np.concatenate([self.firsts, (new // width).astype(np.int32)])
            self.seconds = np.concatenate([self.seconds, (new % width).astype(np.int32)])
            places = table.take(at)
        places -= 1
        return places

    def _grow(self, sizes: tuple[int, int]) -> None:
        """Make room, by powers of two; the memory of pairs that do not occur is never touched."""
        if sizes[0] * sizes[1] > _MOST:
            raise ValueError(
                f"evaluate: by: expected at most {_MOST:,} combinations of keys that could occur, "
                f"got {sizes[0]:,} times {sizes[1]:,}: make one column of these keys"
            )
        if any(size > room for size, room in zip(sizes, self._table.shape, strict=True)):
            rooms = [
                max(room, 1 << (size - 1).bit_length())
                for size, room in zip(sizes, self._table.shape, strict=True)
            ]
            self._table = np.zeros(rooms, np.int32)
            self._table[self.firsts, self.seconds] = np.arange(1, len(self) + 1)
