"""A run over columns: which are read, what is computed from them, and what is wrong with them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fastloss._cpu.launch import Progress, folded
from fastloss._evaluate.blocks import Cleaning, cut, rows_of, side_by_side
from fastloss._evaluate.computing import Grouped, Outputs, Whole, Written, divided, total_weight
from fastloss._evaluate.groups import Groups
from fastloss._evaluate.sources.source import BY, Array, Block, Source, is_by, place_of
from fastloss._evaluate.table import Evaluation
from fastloss._evaluate.terms import Term
from fastloss._rules import arrays, numbers, options


@dataclass
class Job:
    """What is to be evaluated, checked as far as possible without reading.

    Parameters
    ----------
    columns : dict
        The source and its column for each role.
    terms : list of Term
    reduction : {"mean", "sum", "none"}
        "none" only with outputs.
    normalizer : float or None
    skip_null : bool
    progress : callable, optional
        Called with the numbers of rows read and of all rows, or 0 where that is not known.
    """

    columns: dict[str, tuple[Source, str]]
    terms: list[Term]
    reduction: str = "mean"
    normalizer: float | None = None
    skip_null: bool = False
    progress: Progress | None = None
    types: dict[str, np.dtype[Any]] = field(init=False)

    def __post_init__(self) -> None:
        options.reduction("evaluate", self.reduction)
        self.normalizer = numbers.normalizer("evaluate", self.normalizer, self.reduction)
        self.types = {role: source.dtype(role, column) for role, (source, column) in self.columns.items()}
        stand_ins = [np.empty(0, self.types[role]) for role in ("pred", "target")]
        self.dtype = arrays.compute_type(*[(x, x) for x in stand_ins])
        shapes = {source.shape(column) for source, column in self.columns.values()} - {None}
        if len(shapes) > 1:
            shown = " and ".join(sorted(map(str, shapes)))
            raise ValueError(f"evaluate: arrays must have the same shape, got {shown}")
        for term in self.terms:
            numbers.parameters(term.loss, term.params, (), self.dtype)
        self._check_names()

    def _check_names(self) -> None:
        """Refuse a table with two columns of the same name."""
        labels = [term.label for term in self.terms]
        names = ["count", *labels]
        if BY in self.columns:
            names += [*self._by, *(_share(label) for label in labels)]
        for name in names:
            if names.count(name) > 1:
                said = f"the result would have two columns {name!r}"
                raise ValueError(f"evaluate: {said}: rename the column given as by, or the loss")

    def run(self, outputs: Outputs | None = None) -> Evaluation:
        """Read everything once, and compute the table of sums; pass elementwise results to the outputs."""
        groups = Groups(max(1, len(self._by)))
        cleaning = Cleaning(self.skip_null, groups)
        sums: Grouped | Whole = Whole(self.terms, self.dtype)
        if outputs is not None:
            sums = Written(self.terms, self.dtype, outputs)
        elif BY in self.columns:
            sums = Grouped(self.terms, self.dtype, groups)
        for block in self._blocks(list(self.columns), cleaning):
            self._add(sums.add, block, cleaning)
        self._refuse_missing(cleaning)
        found = Evaluation() if self.reduction == "none" else self._table(sums)
        found.skipped = cleaning.skipped
        return found

    def denominator(self) -> float:
        """The divisor of gradients, from a pass over weights and mask alone where one is needed."""
        if self.reduction != "mean" or self.normalizer:
            return self.normalizer or 1.0
        roles = [role for role in self.columns if role in ("weight", "where")]
        rows: float | None = None if roles else self.columns["pred"][0].rows()
        if rows is None:
            cleaning, sums = Cleaning(False, Groups()), list[float]()
            for block in self._blocks(roles or ["pred"], cleaning):
                self._add(lambda block: sums.append(total_weight(block, self.dtype)), block, cleaning)
            self._refuse_missing(cleaning)
            rows = folded(sums)
        what = "the sum of weights" if "weight" in roles else "the number of rows"
        numbers.factor("evaluate", what, rows, self.dtype)
        return rows

    def _add(self, add: Callable[[Block], bool | None], block: Block, cleaning: Cleaning) -> None:
        """Add a block; if the result is NaN or an error, look for missing numbers."""
        if cleaning.missing:  # only to count the rest of them
            cleaning.count_nan(block)
            return
        try:
            if add(block):
                cleaning.count_nan(block)
        except ValueError as error:
            cleaning.count_nan(block)
            if not cleaning.missing:
                source, column = self.columns.get("weight", self.columns["pred"])
                raise ValueError(f"{error} (in {place_of(source.name, column)})") from error

    def _refuse_missing(self, cleaning: Cleaning) -> None:
        if cleaning.missing:
            counts = [(cleaning.missing[role], *self.columns[role]) for role in self.columns]
            shown = ", ".join(
                f"{count:,} in {place_of(source.name, column)}" for count, source, column in counts if count
            )
            raise ValueError(
                f"evaluate: numbers are missing (null or NaN): {shown}; skip_null=True leaves out such rows"
            )

    @property
    def _by(self) -> list[str]:
        """The names of the columns of keys, or of a file if that holds a single array."""
        keys = [self.columns[role] for role in self.columns if is_by(role)]
        return [column or source.name for source, column in keys]

    def _table(self, sums: Grouped | Whole) -> Evaluation:
        """The table, sorted by the keys of groups."""
        counts, weights, totals = sums.totals()
        found, order = Evaluation(), np.zeros(1, int)
        if isinstance(sums, Grouped):
            keys, order = sums.order()
            found.update(zip(self._by, keys, strict=True))
        found["count"] = counts[order]
        denominators = (weights if self.normalizer is None else np.full(len(weights), self.normalizer))[order]
        if self.reduction == "mean" and not denominators.all():
            self._warn_of_nothing(found, denominators)
        for term, total in zip(self.terms, totals, strict=True):
            own = total[order]
            if np.isnan(own).any():
                options.warn(
                    f"evaluate: {term.label}: a sum is NaN: some pred or target is not in the loss's domain"
                )
            found[term.label] = divided(own, denominators) if self.reduction == "mean" else own
            if BY in self.columns:
                found[_share(term.label)] = divided(own, np.sum(own))
        return found

    def _warn_of_nothing(self, found: Evaluation, denominators: Array) -> None:
        what = "no elements" if not found["count"][denominators == 0].any() else "a total weight of 0"
        first = int(np.argmin(denominators != 0))
        keys = ", ".join(repr(found[name][first]) for name in self._by)
        group = f" of group {keys}" if keys else ""
        options.warn(f"evaluate: the mean{group} over {what} is NaN")

    def _blocks(self, roles: list[str], cleaning: Cleaning) -> Iterator[dict[str, Array]]:
        """Blocks of rows of all sources, ready for the computation."""
        sources: dict[str, Source] = {}
        wanted: dict[str, dict[str, str]] = {}
        for role in roles:
            source, column = self.columns[role]
            sources[source.name] = source
            wanted.setdefault(source.name, {})[role] = column
        streams = {name: source.blocks(wanted[name]) for name, source in sources.items()}
        return cut(cleaning.clean(self._watched(side_by_side(streams), list(sources.values()))))

    def _watched(self, blocks: Iterator[Block], sources: list[Source]) -> Iterator[Block]:
        known = [source.rows() for source in sources]
        size, done = (min(x or 0 for x in known)), 0
        for block in blocks:
            yield block
            done += rows_of(block)
            if self.progress is not None:
                self.progress(done, size)


def _share(label: str) -> str:
    return f"{label} share"
