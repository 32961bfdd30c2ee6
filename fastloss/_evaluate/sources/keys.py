"""A column of keys that Arrow reads in batches: each key once, and for each row the index of its key."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fastloss._evaluate.groups import Coded
from fastloss._evaluate.sources.source import BY, Array, place_of, refuse_nan_keys, refuse_type

#: Types that Arrow does not look up (as of its version 26), and others that hold the same keys.
_LOOKED_UP = {"halffloat": pa.float32(), "string_view": pa.large_string(), "binary_view": pa.large_binary()}


class Keys:
    """The keys of a column, in the order in which they were first seen.

    Arrow looks up each batch in the keys that are known. That takes 0.4 to 1.0 of the time in which it makes
    a dictionary of the batch, for 100 to 100,000 keys, and only new keys become Python objects.
    """

    def __init__(self, name: str, column: str) -> None:
        self._name, self._column = name, column
        self._known: Any = None
        self._keys: list[Any] = []
        self._nan: list[int] = []  # the indices of NaN, which a dictionary may hold before any row does
        self._dictionary: Any = None
        self._table: Array

    def coded(self, x: Any) -> Coded:
        """A batch of the column."""
        if pa.types.is_dictionary(x.type):
            if self._dictionary is None or not x.dictionary.equals(self._dictionary):
                self._dictionary, self._table = x.dictionary, np.append(self._places(x.dictionary), -1)
            indices = x.indices.cast(pa.int64()).fill_null(-1) if x.null_count else x.indices
            places = self._table.take(indices.to_numpy(zero_copy_only=False))
            missing = x.null_count + x.dictionary.null_count > 0
        else:
            places, missing = self._places(x), x.null_count > 0
        if self._nan:
            refuse_nan_keys(self._name, self._column, int(np.isin(places, self._nan).sum()))
        return Coded(places, self._keys, missing)

    def _places(self, x: Any) -> Array:
        """The index of each key, or -1 where it is null."""
        kind, x = x.type, _comparable(x)
        if self._known is None:
            self._known = x.slice(0, 0)
        found = pc.index_in(x, value_set=self._known)
        if found.null_count > x.null_count:
            new = x.filter(pc.and_(found.is_null(), x.is_valid())).unique()
            self._known = pa.concat_arrays([self._known, new])
            keys = self._in_python(new, kind)
            self._nan += [place for place, key in enumerate(keys, len(self._keys)) if key != key]
            self._keys += keys
            found = pc.index_in(x, value_set=self._known)
        places: Array = (found.fill_null(-1) if found.null_count else found).to_numpy()
        return places

    def _in_python(self, keys: Any, kind: Any) -> list[Any]:
        """New keys as Python objects, whose times have no nanoseconds without pandas."""
        place = f"{place_of(self._name, self._column)}, given as by, has a key that Python cannot represent"
        try:
            if isinstance(kind, pa.BaseExtensionType):
                keys = pa.ExtensionArray.from_storage(kind, keys)
            found: list[Any] = keys.to_pylist()
        except (ValueError, OverflowError) as error:
            raise ValueError(f"evaluate: {place}: {error}") from error
        if pa.types.is_temporal(kind) and len({*self._keys, *found}) < len(self._keys) + len(found):
            refuse_type(self._name, BY, self._column, f"{kind}, two of whose times are one in Python")
        return found


def _comparable(x: Any) -> Any:
    """The same keys in a type that Arrow can look up."""
    x = getattr(x, "storage", x)
    kind = _LOOKED_UP.get(str(x.type))
    if kind is None:
        return x
    try:
        return x.cast(kind)
    except pa.ArrowNotImplementedError:  # views in Arrow 17
        return pa.array(x.to_pylist(), kind)
