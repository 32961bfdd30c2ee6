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
                raise ValueError(f"{who}: {_difference(name, axis, other, known)}")


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


def _difference(name: str, axis: Axis, other: str, known: Axis) -> str:
    labels, others = axis.labels, known.labels
    how = f"{name}.reindex_like({other}), or pass {name}.to_numpy() to match by position"
    if axis.dim is not None:
        how = f"xarray.align({other}, {name}), or pass {name}.to_numpy() to match by position"
    elif not hasattr(labels, "equals"):
        how = f"{name}.select({list(others)!r})"
    return (
        f"{name} does not have the {axis.what} of {other}: {_first_difference(labels, others)}; "
        f"align them, for example by {how}"
    )


def _first_difference(labels: Any, others: Any) -> str:
    if len(labels) != len(others):
        return f"{len(labels)} labels, not {len(others)}"
    places = range(len(labels))
    place = bisect_left(places, True, key=lambda k: not _agree(labels[: k + 1], others[: k + 1]))
    one, other = (next(iter(x[place : place + 1])) for x in (labels, others))  # as Python numbers
    return f"{one!r} at position {place}, not {other!r}"
