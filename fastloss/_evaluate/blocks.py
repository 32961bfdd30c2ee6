"""Streams of blocks: several sources side by side, without rows with missing numbers, cut to one size."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from fastloss._evaluate.groups import Coded, Groups
from fastloss._evaluate.sources.source import BY, Block, by_roles, is_by
from fastloss._formula.sum import CHUNK

Array = np.ndarray[Any, Any]
#: Rows of a block: a power of two of chunks, so that sums fold to the bits of one call, and few enough that
#: what one loss has read is still in the cache for the next.
ROWS = 8 * CHUNK


def side_by_side(streams: dict[str, Iterator[Block]]) -> Iterator[Block]:
    """One stream from several, by the names of their sources, which must have the same number of rows."""
    if len(streams) == 1:
        yield from next(iter(streams.values()))
        return
    rest: dict[str, Block] = {}
    done = 0
    while True:
        for name, stream in streams.items():
            while name not in rest or not rows_of(rest[name]):
                following = next(stream, None)
                if following is None:
                    break
                rest[name] = following
        sizes = {name: rows_of(rest[name]) if name in rest else 0 for name in streams}
        size = min(sizes.values())
        if not size:
            _check_ends(sizes, done)
            return
        yield {role: _rows(x, 0, size) for block in rest.values() for role, x in block.items()}
        rest = {
            name: {role: _rows(x, size, None) for role, x in block.items()} for name, block in rest.items()
        }
        done += size


def _check_ends(left: dict[str, int], done: int) -> None:
    ended = [name for name, size in left.items() if not size]
    longer = [name for name, size in left.items() if size]
    if longer:
        raise ValueError(f"evaluate: {ended[0]} has {done:,} rows, {longer[0]} has more: expected as many")


def rows_of(block: Block) -> int:
    """How many rows a block has."""
    first = next(iter(block.values()))
    return len(first.places if isinstance(first, Coded) else first)


def _rows(x: Any, lo: int, hi: int | None) -> Any:
    return x._replace(places=x.places[lo:hi]) if isinstance(x, Coded) else x[lo:hi]


class Cleaning:
    """Blocks without missing numbers, null or NaN: skips their rows, or counts them for an error message.

    Attributes
    ----------
    missing : Counter
        How many numbers of kept rows are missing, by role.
    skipped : int
    """

    def __init__(self, skip_null: bool, groups: Groups) -> None:
        self.skip_null, self.groups = skip_null, groups
        self.missing: Counter[str] = Counter()
        self.skipped = 0

    def clean(self, blocks: Iterator[Block]) -> Iterator[dict[str, Array]]:
        for block in blocks:
            keys: list[Coded] = [block.pop(role) for role in by_roles(sum(map(is_by, block)))]
            if self.skip_null:
                kept = ~np.logical_or.reduce([_missing(x) for x in block.values()])
                if not kept.all():
                    self.skipped += int(kept.size - np.count_nonzero(kept))
                    block = {role: x[kept] for role, x in block.items()}
                    keys = [key._replace(places=key.places[kept]) for key in keys]
            else:
                self._count(
                    {role: np.ma.getmaskarray(x) for role, x in block.items() if np.ma.is_masked(x)}, block
                )
            clean = {role: np.ma.getdata(x) for role, x in block.items()}
            if keys:
                clean[BY] = self.groups.codes(keys)
            yield clean

    def count_nan(self, block: dict[str, Array]) -> None:
        """Count the NaN of a block's operands."""
        self._count({role: np.isnan(x) for role, x in block.items() if x.dtype.kind == "f"}, block)

    def _count(self, missing: dict[str, Array], block: Block) -> None:
        kept = np.ma.getdata(block["where"]) if "where" in block else True
        for role, here in missing.items():
            if count := int(np.count_nonzero(here & (True if role == "where" else kept))):
                self.missing[role] += count


def _missing(x: Any) -> Array:
    here = np.ma.getmaskarray(x)
    return here | np.isnan(np.ma.getdata(x)) if x.dtype.kind == "f" else here


def cut(blocks: Iterator[dict[str, Array]], rows: int = ROWS) -> Iterator[dict[str, Array]]:
    """Blocks of `rows` rows each, except for the last; blocks that already have that size are not copied."""
    waiting: list[dict[str, Array]] = []
    have = 0
    for block in blocks:
        size = len(next(iter(block.values())))
        at = 0
        while have + size - at >= rows:
            taken = rows - have
            waiting.append({role: x[at : at + taken] for role, x in block.items()})
            yield _joined(waiting)
            waiting, have, at = [], 0, at + taken
        if at < size:
            waiting.append({role: x[at:] for role, x in block.items()})
            have += size - at
    if waiting:
        yield _joined(waiting)


def _joined(parts: list[dict[str, Array]]) -> dict[str, Array]:
    if len(parts) == 1:
        return parts[0]
    return {role: np.concatenate([part[role] for part in parts]) for role in parts[0]}
