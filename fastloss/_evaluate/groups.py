"""The groups of a column: each key that was seen, with its place."""

from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from fastloss._evaluate.sums import Codes

Array = np.ndarray[Any, Any]


class Coded(NamedTuple):
    """A block of a column of groups: of each row the place of its key, or -1 where it has none."""

    places: Array
    keys: list[Any]
    missing: bool


class Groups:
    """The keys seen so far. A missing one is a group of its own, as in Polars and SQL, of the key None."""

    def __init__(self) -> None:
        self._places: dict[Any, int] = {}
        self._last: tuple[list[Any], Codes] | None = None

    def __len__(self) -> int:
        return len(self._places)

    def codes(self, block: Coded) -> Codes:
        """The place of each row's group."""
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
        """The keys that are used, in their order if they have one, None at the end; and their places."""
        keys = [key for key, place in self._places.items() if key is not None and used[place]]
        with suppress(TypeError):  # of several kinds
            keys.sort()
        if None in self._places and used[self._places[None]]:
            keys.append(None)
        return keys, [self._places[key] for key in keys]
