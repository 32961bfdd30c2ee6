"""Layers of a graph: a task for each block, each of its results, and sums in a tree of a fixed shape."""

from collections.abc import Callable
from typing import Any

import dask.array as da
import numpy as np
from dask.base import tokenize
from dask.highlevelgraph import HighLevelGraph

from fastloss._cpu import launch
from fastloss._dask import tasks

#: The sizes of chunks along each axis.
Chunks = tuple[tuple[int, ...], ...]
# How many sums of blocks one task folds: a power of two, so that the tree is the pairwise one.
FOLDED = 16


def of_blocks(name: str, task: Any, lazy: dict[str, Any], chunks: Chunks, meta: Any) -> Any:
    """An array of what a task computes from one block of each array."""
    axes = tuple(range(len(chunks)))
    pairs: list[Any] = []
    for x in lazy.values():
        pairs += x, axes[len(axes) - x.ndim :]
    token = tokenize(task, chunks, [x.name for x in lazy.values()])
    return _blockwise(f"{name}-{token}", task, axes, pairs, chunks, meta)


def of_shapes(name: str, task: Any, lazy: dict[str, Any], chunks: Chunks) -> Any:
    """An array of the numbers that a task computes from a block's shape and one block of each array."""
    name = f"{name}-{tokenize(task, chunks, [x.name for x in lazy.values()])}"
    layer: dict[Any, Any] = {}
    for places in np.ndindex(*map(len, chunks)):
        shape = [sizes[k] for sizes, k in zip(chunks, places, strict=True)]
        keys = [(x.name, *_place(x, places)) for x in lazy.values()]
        layer[(name, *places)] = (task, shape, *keys)
    graph = HighLevelGraph.from_collections(name, layer, dependencies=list(lazy.values()))
    return da.Array(graph, name, chunks=chunks, dtype=np.float64)


def _place(x: Any, places: tuple[int, ...]) -> tuple[int, ...]:
    """The index of the block of `x` that broadcasts to the block at these indices."""
    last = places[len(places) - x.ndim :]
    return tuple(0 if blocks == 1 else k for blocks, k in zip(x.numblocks, last, strict=True))


def item(name: str, whole: Any, place: int, meta: Any) -> Any:
    """One of the results that each block's task returns together."""
    axes = tuple(range(whole.ndim))
    full = f"{name}-{tokenize(whole.name, place)}"
    return _blockwise(full, tasks.item, axes, [whole, axes], whole.chunks, meta, place=place)


def _blockwise(
    name: str, task: Any, axes: tuple[int, ...], pairs: list[Any], chunks: Chunks, meta: Any, **options: Any
) -> Any:
    """`dask.array.blockwise` with the given chunks."""
    return da.blockwise(
        task, axes, *pairs, name=name, meta=meta, dtype=meta.dtype, align_arrays=False, concatenate=False,
        adjust_chunks=dict(zip(axes, chunks, strict=True)), **options,
    )  # fmt: skip


def folded(name: str, finish: Callable[..., Any], sums: Any, *last: Any) -> Any:
    """One number from the sums of all blocks, in C order; `finish` computes it from the last few sums.

    Aligned groups of a power of two are subtrees of the pairwise tree, whichever task runs first.
    """
    name = f"{name}-{tokenize(sums.name, finish, last)}"
    keys: list[Any] = [(sums.name, *places) for places in np.ndindex(*sums.numblocks)]
    layer: dict[Any, Any] = {}
    level = 0
    while len(keys) > FOLDED:
        groups = [keys[k : k + FOLDED] for k in range(0, len(keys), FOLDED)]
        keys = [(f"{name}-part", level, k) for k in range(len(groups))]
        layer |= {key: (launch.folded, group) for key, group in zip(keys, groups, strict=True)}
        level += 1
    lazy = [x for x in last if isinstance(x, da.Array)]
    layer[(name,)] = (finish, keys, *[(x.name,) if isinstance(x, da.Array) else x for x in last])
    return _number(name, layer, [sums, *lazy])


def applied(name: str, function: Callable[..., Any], number: Any) -> Any:
    """A lazy number computed from another one."""
    name = f"{name}-{tokenize(number.name, function)}"
    return _number(name, {(name,): (function, (number.name,))}, [number])


def _number(name: str, layer: dict[Any, Any], of: list[Any]) -> Any:
    graph = HighLevelGraph.from_collections(name, layer, dependencies=of)
    return da.Array(graph, name, chunks=(), meta=np.empty((), np.float64))
