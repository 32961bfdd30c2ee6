"""The groups of a column: each key that was seen, with its place."""

from typing import Any, NamedTuple

import numpy as np

from fastloss._evaluate.sums import Codes

Array = np.ndarray[Any, Any]


class Coded(NamedTuple):
    """A block of a column of groups: of each row the place of its key, or -1 where it has none."""

    places: Array
    keys: list[Any]


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
            known = [self._place(key) for key in block.keys]
            self._last = block.keys, np.array([*known, self._places.get(None, 0)], np.int32)
        table = self._last[1]
        if block.places.size and block.places.min() < 0:
            table[-1] = self._place(None)
        return table[block.places]

    def _place(self, key: Any) -> int:
        return self._places.setdefault(key, len(self._places))

    def in_order(self) -> tuple[list[Any], list[int]]:
        """The keys, in their order if they have one, with None at the end, and their places."""
        keys = [key for key in self._places if key is not None]
        try:
            keys.sort()
        except TypeError:  # of several kinds
            pass
        keys += [None] * (None in self._places)
        return keys, [self._places[key] for key in keys]
