"""The groups of a column: each key that was seen, with its index."""

from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from fastloss._evaluate.sums import Codes

Array = np.ndarray[Any, Any]


class Coded(NamedTuple):
    """A block of a column of groups: for each row the index of its key, or -1 if it has none."""

    places: Array
    keys: list[Any]
    missing: bool


class Groups:
    """The keys seen so far. As in Polars and SQL, missing keys form a group of their own, with key None."""

    def __init__(self) -> None:
        self._places: dict[Any, int] = {}
        self._last: tuple[list[Any], Codes] | None = None

    def __len__(self) -> int:
        return len(self._places)

    def codes(self, block: Coded) -> Codes:
        """The index of each row's group."""
        if self._last is None or self._last[0] is not block.keys:
            table = np.array([*map(self._place, block.keys), 0], np.int32)
            self._last = block.keys, table
        table = self._last[1]
        if block.missing:
            table[-1] = self._place(None)
        return table.take(block.places)  # -1 is the last

    def _place(self, key: Any) -> int:
        return self._places.setdefault(key, len(self._places))

    def in_order(self, used: Array) -> tuple[list[Any], list[int]]:
        """The keys in use, sorted if that is possible, with None at the end; and their indices."""
        keys = [key for key, place in self._places.items() if key is not None and used[place]]
        with suppress(TypeError):  # keys of several types
            keys.sort()
        if None in self._places and used[self._places[None]]:
            keys.append(None)
        return keys, [self._places[key] for key in keys]
