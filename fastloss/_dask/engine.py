"""The engine for Dask arrays: from a call to a graph of one task for each block.

Types and shapes are checked at once, on NumPy arrays that stand for the lazy ones. Numbers are checked by the
tasks.
"""

from dataclasses import replace
from functools import partial
from math import prod
from typing import Any

import dask.array as da
import numpy as np

from fastloss._dask import graph, operands, tasks
from fastloss._definition.definition import OPERANDS, Weights
from fastloss._rules import arrays
from fastloss._rules.plan import Plan, results_of
from fastloss._rules.request import Request, checked


def evaluate(request: Request, stream: Any) -> Any:
    """Check everything that does not need a computation; return lazy arrays."""
    who = request.loss.name
    if stream is not None:
        raise TypeError(f"{who}: stream is only allowed with CUDA arrays, not with Dask arrays")
    for name, out in zip(request.loss.outputs, request.outs, strict=True):
        if out is not None:
            raise TypeError(
                f"{who}: {name} is not allowed with Dask arrays, whose results are new lazy arrays"
            )
    given = operands.given(request)
    standing_in, normalizer = operands.standing_in(request, given)
    plan, found, divisor, _ = checked(standing_in)
    names = *OPERANDS, *request.loss.domains
    shown = dict(zip(names, (*found, *plan.params), strict=True))
    shape = shown["pred"].shape
    chunks = operands.chunks_for(shape, [x for x in given.values() if isinstance(x, da.Array)])
    lazy, constants = operands.in_blocks(given, shown, chunks)
    public = request.loss.loss if isinstance(request.loss, Weights) else request.loss  # which can be pickled
    irls = public is not request.loss
    plan = replace(plan, loss=public, params=(), serial=None)
    denominator = normalizer
    if plan.mean:
        denominator = _denominator(plan, lazy, constants, chunks, divisor, normalizer)
    if plan.grad and denominator is not None:  # a value alone need not wait for it
        (lazy if isinstance(denominator, da.Array) else constants)[tasks.DENOMINATOR] = denominator
    known = plan.mean and divisor is None and normalizer is None
    block = tasks.Block(public, irls, request.call, request.reduction, tuple(lazy), constants, known)
    return _results(plan, block, lazy, chunks, arrays.result_type(shown["pred"]), denominator)


def _denominator(
    plan: Plan,
    lazy: dict[str, Any],
    constants: dict[str, Any],
    chunks: graph.Chunks,
    divisor: float | None,
    normalizer: Any,
) -> Any:
    """The divisor of a mean: a number, or a lazy one."""
    who, weighted = plan.loss.name, plan.weighted
    if normalizer is not None:
        return graph.applied(f"{who}-normalizer", partial(tasks.checked_normalizer, plan=plan), normalizer)
    if divisor is not None or not (weighted or plan.masked):
        known = prod(map(sum, chunks)) if divisor is None else divisor
        tasks.check_denominator(plan, known, "normalizer", weighted=False)
        return float(known)
    names = "weight", "where"
    here = {name: lazy[name] for name in names if name in lazy}
    numbers = {name: constants[name] for name in names if constants.get(name) is not None}
    task = tasks.WeightOf(who, plan.dtype, tuple(here), numbers)
    sums = graph.of_shapes(f"{who}-weight", task, here, chunks)
    finish = partial(tasks.checked_denominator, plan=plan, weighted=weighted)
    return graph.folded(f"{who}-weight-sum", finish, sums)


def _results(
    plan: Plan, block: tasks.Block, lazy: dict[str, Any], chunks: graph.Chunks, dtype: Any, denominator: Any
) -> Any:
    """The result arrays: the task of a block computes all results, and further tasks take one each."""
    name = f"{plan.loss.name}-{'irls_weights' if block.irls else block.call}"
    wanted = plan.value, plan.grad, plan.hess
    number = np.empty((), np.float64)
    metas = [number if plan.summed else None, None, None]
    kind = getattr(lazy.get("pred"), "_meta", number)
    metas = [
        da.utils.meta_from_array(kind, len(chunks), dtype=dtype) if meta is None else meta for meta in metas
    ]
    several = sum(wanted) > 1
    meta = np.empty((), object) if several else metas[wanted.index(True)]
    whole = graph.of_blocks(name, block, lazy, chunks, meta)
    found: list[Any] = [None, None, None]
    for place, k in enumerate([k for k in range(3) if wanted[k]]):
        label = f"{('value', 'grad', 'hess')[k]}-of-{name}"
        found[k] = graph.item(label, whole, place, metas[k]) if several else whole
    if plan.summed:
        divided = denominator if plan.mean else 1.0
        found[0] = graph.folded(f"{name}-sum", tasks.mean, found[0], divided)
    return results_of(plan, found[0], found)
