"""What is computed from each block: sums of losses and denominators, over all rows or for each group."""

from collections.abc import Callable
from math import isnan, nan
from typing import Any, NamedTuple

import numpy as np

from fastloss._cpu import engine, prepass
from fastloss._cpu.launch import Inputs, folded
from fastloss._definition.definition import OPERANDS
from fastloss._evaluate.groups import Groups
from fastloss._evaluate.sources.source import BY, Array, Block, DType
from fastloss._evaluate.sums import GroupSums
from fastloss._evaluate.terms import Term
from fastloss._rules.options import Wanted, call_of
from fastloss._rules.request import Request


def called(term: Term, block: Block, reduction: str, loss_out: Array | None = None) -> Any:
    """Call a loss on a block, in a form that is remembered, which takes 6 us instead of 40."""
    pred, target, weight, where = (block.get(name) for name in OPERANDS)
    options: dict[str, Any] = {"reduction": reduction, "loss_out": loss_out, **term.params}
    return term.loss(pred, target, weight=weight, where=where, **options)


def total_weight(block: Block, dtype: DType) -> float:
    """The sum of the weights, which are checked, or without weights the number of rows kept."""
    weight = block.get("weight")
    if weight is None:
        return kept(block)
    inputs = Inputs(weight, weight, weight, block.get("where"))
    return float(prepass.total_weight("evaluate", weight, inputs, dtype, True, None))


def kept(block: Block) -> int:
    """How many rows of a block are kept."""
    where = block.get("where")
    return len(next(iter(block.values()))) if where is None else int(np.count_nonzero(where))


class Outputs(NamedTuple):
    """Callbacks that take the elements and gradients of one loss, in order, and the divisor of gradients."""

    loss: Callable[[Array], None] | None = None
    grad: Callable[[Array], None] | None = None
    elementwise: bool = False
    denominator: float = 1.0


class Whole:
    """Sums over all rows."""

    def __init__(self, terms: list[Term], dtype: DType) -> None:
        self._terms, self._dtype = terms, dtype
        self._sums: list[list[float]] = [[] for _ in terms]
        self._weights: list[float] = []
        self._count = 0

    def add(self, block: Block) -> bool:
        """Add a block; return whether a result is NaN."""
        self._weights.append(total_weight(block, self._dtype))
        self._count += kept(block)
        found = [self._sum(term, block) for term in self._terms]
        for sums, each in zip(self._sums, found, strict=True):
            sums.append(each)
        return any(map(isnan, found))

    def _sum(self, term: Term, block: Block) -> float:
        return float(called(term, block, "sum"))

    def totals(self) -> tuple[Array, Array, list[Array]]:
        """Counts, denominators and the sums of each loss, for a table of one row."""
        sums = [np.array([folded(each)]) for each in self._sums]
        return np.array([self._count]), np.array([folded(self._weights)]), sums


class Written(Whole):
    """Sums of one loss, whose elements and gradients go to outputs; elementwise losses are not summed."""

    def __init__(self, terms: list[Term], dtype: DType, outputs: Outputs) -> None:
        super().__init__(terms, dtype)
        self._outputs, self._reduction = outputs, "none" if outputs.elementwise else "sum"
        value = outputs.loss is not None or not outputs.elementwise
        self._call = call_of(Wanted(value=value, grad=outputs.grad is not None))

    def _sum(self, term: Term, block: Block) -> float:
        pred, target, weight, where = (block.get(name) for name in OPERANDS)
        request = Request(
            term.loss, self._call, pred, target, weight, where, self._reduction, None, (None, None, None),
            term.params,
        )  # fmt: skip
        found = engine.part(request, self._outputs.denominator, weights_known=True)
        results = found if isinstance(found, tuple) else (found,)
        takers = [self._outputs.loss] * (self._call != "grad") + [self._outputs.grad]
        for take, result in zip(takers, results, strict=False):
            if take is not None:
                take(result)
        if self._outputs.elementwise:
            return nan if np.isnan(results[0]).any() else 0.0
        return float(results[0])


class Grouped:
    """Sums of each group."""

    def __init__(self, terms: list[Term], dtype: DType, groups: Groups) -> None:
        self._terms, self._dtype, self._groups = terms, dtype, groups
        self._sums = [GroupSums(dtype) for _ in terms]
        self._weights: GroupSums | None = None
        self._counts = np.zeros(0, np.int64)
        self._losses = np.empty(0, dtype)

    def add(self, block: Block) -> bool:
        """Add a block; return whether a loss is NaN."""
        codes, groups, size = block[BY], len(self._groups), block["pred"].size
        # A loss has pred's dtype, which is not always the dtype to compute in.
        block |= {name: block[name].astype(self._dtype, copy=False) for name in ("pred", "target")}
        weight, where = block.get("weight"), block.get("where")
        if weight is not None:
            total_weight(block, self._dtype)  # which checks them
            self._weights = self._weights or GroupSums(self._dtype)
            cast = weight.astype(self._dtype, copy=False)
            self._weights.add(
                cast if where is None else np.where(where, cast, self._dtype.type(0)), codes, groups
            )
        if where is not None:
            found = np.bincount(codes[where], minlength=groups)
            found[: self._counts.size] += self._counts
            self._counts = found
        if size > self._losses.size:
            self._losses = np.empty(size, self._dtype)
        bad = False
        for term, sums in zip(self._terms, self._sums, strict=True):
            losses = self._losses[:size]
            called(term, block, "none", losses)
            bad |= sums.add(losses, codes, groups)
        return bad

    def order(self) -> tuple[list[list[Any]], Array]:
        """The keys of the rows, in order, as a list for each column, and their indices in the totals."""
        return self._groups.in_order(self._sums[0].rows > 0)

    def totals(self) -> tuple[Array, Array, list[Array]]:
        """Counts, denominators and the sums of each loss, by group in the order of first appearance."""
        groups = len(self._groups)
        sums = [each.totals(groups) for each in self._sums]
        counts = self._counts if self._counts.size else self._sums[0].rows[:groups]
        weights = counts.astype(float) if self._weights is None else self._weights.totals(groups)
        return counts, weights, sums


def divided(sums: Array, denominators: Array) -> Array:
    """The means; NaN where the denominator is 0."""
    with np.errstate(all="ignore"):
        return np.where(denominators != 0, sums / np.where(denominators != 0, denominators, 1), nan)
