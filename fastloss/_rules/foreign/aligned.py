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
                differ = f"does not have the {known.what} of {other}"
                said = f"{who}: {name} {differ}: {_first_difference(axis.labels, known.labels)}"
                rows = first[1][1].labels if len(found) == 1 and 1 in first else ()
                how = _advice(name, axis, other, known, len(found), rows)
                raise ValueError("; ".join([said, *how]))


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


def _advice(name: str, axis: Axis, other: str, known: Axis, axes: int, rows: Any) -> list[str]:
    """How to mend a difference, if that is known.

    `axes` is the number of axes of the operand. If it has one, `rows` are the labels of the other's rows.
    """
    labels, others = axis.labels, known.labels
    by_position = f"pass {name}.to_numpy() to match by position"
    if axis.dim is not None:
        return [f"align them, for example by xarray.align({other}, {name}), or {by_position}"]
    if len(labels) != len(others) and _are_reordered(labels, rows):
        return [f"for a number per row, pass {name}.reindex({other}.index).to_numpy()[:, None]"]
    of_pandas = hasattr(labels, "equals")
    if not _are_reordered(labels, others):
        return [by_position] if len(labels) == len(others) and of_pandas else []
    if not of_pandas:
        return [f"align them, for example by {name}.select({list(others)!r})"]
    columns = f"{other}.columns" if hasattr(others, "equals") else repr(list(others))
    how = f"reindex_like({other})"
    if known.what == "columns" and (axes == 1 or not hasattr(others, "equals")):
        how = f"reindex({columns})" if axes == 1 else f"reindex(columns={columns})"
    return [f"align them, for example by {name}.{how}, or {by_position}"]


def _are_reordered(labels: Any, others: Any) -> bool:
    """Whether labels are others in another order, each once."""
    return len(labels) == len(others) == len(set(labels)) and set(labels) == set(others)


def _first_difference(labels: Any, others: Any) -> str:
    if len(labels) != len(others):
        return f"{len(labels)} labels, not {len(others)}"
    places = range(len(labels))
    place = bisect_left(places, True, key=lambda k: not _agree(labels[: k + 1], others[: k + 1]))
    one, other = (next(iter(x[place : place + 1])) for x in (labels, others))  # as Python numbers
    return f"{one!r} at position {place}, not {other!r}"
