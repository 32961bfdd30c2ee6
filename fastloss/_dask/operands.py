"""Operands of a call with lazy arrays: stand-ins for the checks, and arrays in blocks for the tasks."""

from collections import Counter
from dataclasses import replace
from math import isnan
from typing import Any

import dask.array as da
import numpy as np

from fastloss._dask.graph import Chunks
from fastloss._definition.definition import OPERANDS
from fastloss._rules import arrays, numbers
from fastloss._rules.arrays import FLOAT32
from fastloss._rules.foreign import operands as foreign
from fastloss._rules.request import Request

#: The libraries whose arrays can be blocks.
_BLOCKS = "numpy", "cupy", "ml_dtypes"


def given(request: Request) -> dict[str, Any]:
    """The operands and parameters by name, with arrays of other libraries as Dask or NumPy arrays."""
    found = request.inputs
    return {name: _known(request.loss.name, name, x) for name, x in found.items()}


def _known(who: str, name: str, x: Any) -> Any:
    if hasattr(type(x), "__cuda_array_interface__"):
        return da.from_array(x, asarray=False)
    if not foreign.are_lazy((x,)):
        return foreign.as_array(who, name, x)
    if not isinstance(x, da.Array):
        kind = type(x).__name__
        how = f"{name}.to_dask_array(lengths=True)"
        if not hasattr(type(x), "to_dask_array") or not x.ndim:
            how = f"dask.array.from_delayed(dask.delayed({name}), shape, dtype)"
        raise TypeError(f"{who}: {name} is Dask's {kind}, expected a Dask array: pass {how}")
    if any(map(isnan, x.shape)):
        raise ValueError(
            f"{who}: {name} has chunks of unknown sizes: call {name}.compute_chunk_sizes() first, or make "
            "an array of a data frame's column with to_dask_array(lengths=True)"
        )
    blocks: Any = type(x._meta)
    if blocks.__module__.partition(".")[0] not in _BLOCKS:
        raise TypeError(
            f"{who}: {name} has blocks of {blocks.__module__}.{blocks.__name__}, expected NumPy or CuPy "
            f"arrays: convert them with {name}.map_blocks"
        )
    return x


def standing_in(request: Request, given: dict[str, Any]) -> tuple[Request, Any]:
    """The request with NumPy arrays in place of lazy ones, and apart from it the normalizer if it is lazy."""
    loss, who = request.loss, request.loss.name
    shown = {name: _stand_in(x) if isinstance(x, da.Array) else x for name, x in given.items()}
    normalizer = request.normalizer
    for name in request.params:
        if isinstance(given[name], da.Array) and not given[name].ndim and name in loss.domains:
            arrays.array(who, name, shown[name])
            shown[name] = numbers.closed(loss.domains[name], FLOAT32)[0]  # any allowed number
    if lazy := foreign.are_lazy((normalizer,)):
        normalizer = _known(who, "normalizer", normalizer)
        if normalizer.ndim:
            raise TypeError(f"{who}: normalizer must be a number, got an array of shape {normalizer.shape}")
        arrays.array(who, "normalizer", _stand_in(normalizer))
    operands = {name: shown.pop(name) for name in OPERANDS}
    stands = replace(request, **operands, params=shown, normalizer=1.0 if lazy else normalizer)
    return stands, normalizer if lazy else None


def _stand_in(x: Any) -> Any:
    """An array of the same dtype and shape that takes no memory."""
    found = np.broadcast_to(np.zeros((), x.dtype), x.shape)
    return np.ma.masked_array(found) if isinstance(x._meta, np.ma.MaskedArray) else found


def chunks_for(shape: tuple[int, ...], lazy: list[Any]) -> Chunks:
    """For each axis the chunks that most bytes are in already, so that the fewest are rechunked."""
    votes: list[Counter[tuple[int, ...]]] = [Counter() for _ in shape]
    for x in lazy:
        for axis, sizes in enumerate(x.chunks, len(shape) - x.ndim):
            if sum(sizes) == shape[axis]:
                votes[axis][sizes] += x.nbytes
    return tuple(
        vote.most_common(1)[0][0] if vote else (size,) for vote, size in zip(votes, shape, strict=True)
    )


def in_blocks(
    given: dict[str, Any], shown: dict[str, Any], chunks: Chunks
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arrays in these chunks, along the axes that they have, and what is one number in all blocks."""
    lazy, constants = {}, {}
    for name, held in shown.items():
        x = given.get(name, held)
        if isinstance(x, da.Array):
            lazy[name] = x.rechunk(_parts(x.shape, chunks))
        elif isinstance(held, np.ndarray) and held.ndim:
            lazy[name] = da.from_array(held, chunks=_parts(held.shape, chunks))
        elif x is not None:
            constants[name] = x
    return lazy, constants


def _parts(shape: tuple[int, ...], chunks: Chunks) -> Chunks:
    whole = chunks[len(chunks) - len(shape) :]
    return tuple(sizes if sum(sizes) == size else (size,) for sizes, size in zip(whole, shape, strict=True))
