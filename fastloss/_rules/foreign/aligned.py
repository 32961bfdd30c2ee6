"""Whether labelled operands have the same labels in the same order."""

from bisect import bisect_left
from typing import Any, NamedTuple


class Axis(NamedTuple):
    """The labels along an axis: their kind, the labels, and the name of the dimension if it has one."""

    what: str
    labels: Any
    dim: Any = None


def check(who: str, axes: dict[str, tuple[Axis | None, ...]]) -> None:
    """Refuse operands whose labels differ. Axes are compared as they broadcast, from the last one."""
    _check_dimensions(who, {name: [x.dim if x else None for x in found] for name, found in axes.items()})
    first: dict[int, tuple[str, Axis]] = {}
    for name, found in axes.items():
        for place, axis in enumerate(reversed(found)):
            if axis is None or axis.labels is None:
                continue
            other, known = first.setdefault(place, (name, axis))
            if not _agree(axis.labels, known.labels):
                if len(found) == 1 and 1 in first and _agree(axis.labels, first[1][1].labels):
                    raise ValueError(
                        f"{who}: {name} has a label for each row of {other}, and would be broadcast along "
                        f"its columns: pass {name}.to_numpy()[:, None]"
                    )
                rows = first[1][1].labels if len(found) == 1 and 1 in first else ()
                raise ValueError(f"{who}: {_difference(name, axis, other, known, len(rows))}")


def _check_dimensions(who: str, dims: dict[str, list[Any]]) -> None:
    """Refuse named dimensions that are not in the order of an earlier operand's."""
    first: dict[int, tuple[str, Any]] = {}
    for name, found in dims.items():
        for place, dim in enumerate(reversed(found)):
            if dim is None:
                continue
            other, known = first.setdefault(place, (name, dim))
            if dim != known:
                names = tuple(dims[other])
                how = f"{name}.broadcast_like({other}).transpose{names}"
                if set(found) == set(names):
                    how = f"{name}.transpose{names}"
                raise ValueError(
                    f"{who}: {name} has the dimensions {tuple(found)}, {other} {names}: "
                    f"reorder them, for example by {how}"
                )


def _agree(labels: Any, others: Any) -> bool:
    """Whether labels agree, that is, are the same or, for columns without an index, not in conflict.

    Polars and Arrow match columns by position, so their names may differ. It is a mistake if the same
    name is at two different positions.
    """
    if labels is others:
        return True
    if hasattr(labels, "equals") and hasattr(others, "equals"):
        return bool(labels.equals(others))
    places = {label: place for place, label in enumerate(others)}
    return all(places.get(label, place) == place for place, label in enumerate(labels))


def _difference(name: str, axis: Axis, other: str, known: Axis, rows: int) -> str:
    """What differs, and how to mend it; `rows` is the length of `other` if only its columns are compared."""
    labels, others = axis.labels, known.labels
    by_position = f"pass {name}.to_numpy() to match by position"
    if axis.dim is not None:
        how = f"align them, for example by xarray.align({other}, {name}), or {by_position}"
    elif not hasattr(labels, "equals"):
        how = f"align them, for example by {name}.select({list(others)!r})"
    elif rows and len(labels) == rows != len(others):
        how = f"for a number per row, pass {name}.to_numpy()[:, None]"
    elif known.what == "columns" and set(labels) != set(others):
        how = by_position
    else:
        same = f"reindex({other}.columns)" if rows else f"reindex_like({other})"
        how = f"align them, for example by {name}.{same}, or {by_position}"
    return f"{name} does not have the {known.what} of {other}: {_first_difference(labels, others)}; {how}"


def _first_difference(labels: Any, others: Any) -> str:
    if len(labels) != len(others):
        return f"{len(labels)} labels, not {len(others)}"
    places = range(len(labels))
    place = bisect_left(places, True, key=lambda k: not _agree(labels[: k + 1], others[: k + 1]))
    one, other = (next(iter(x[place : place + 1])) for x in (labels, others))  # as Python numbers
    return f"{one!r} at position {place}, not {other!r}"
