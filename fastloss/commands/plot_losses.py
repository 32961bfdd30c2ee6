"""Draw the losses: a small panel for each with its value, gradient and second derivative."""

from collections.abc import Mapping, Sequence
from math import inf, isfinite
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fastloss import Loss
from fastloss._definition.domain import Labels, real
from fastloss.commands.plot import COLOURS, GRID, INK, save

Array = np.ndarray[Any, Any]

QUANTITIES = dict(zip(("value", "gradient", "second derivative"), COLOURS, strict=True))
DASHES = ("-", (0, (2.5, 1.5)))  # of the first target and of the second
POINTS = 241
FAINT = "#68727d"
# In inches.
COLUMNS, CELL, PANEL, MARGIN = 6, (1.53, 1.36), (1.18, 0.84), (0.3, 0.2)
KEY, HEADING = 0.3, 0.3


def draw(path: str, groups: Mapping[str, Sequence[Loss]]) -> None:
    """Write the picture.

    Parameters
    ----------
    path : str
        The file; its suffix determines the format.
    groups : mapping
        The losses under each heading.
    """
    rows = sum(-(-len(losses) // COLUMNS) for losses in groups.values())
    width, height = COLUMNS * CELL[0], KEY + HEADING * len(groups) + CELL[1] * rows
    figure = Figure(figsize=(width, height), facecolor="white")
    top = KEY
    for heading, losses in groups.items():
        figure.text(0.05 / width, 1 - (top + 0.2) / height, heading, size=10, weight="bold", color=INK)
        top += HEADING
        for rank, loss in enumerate(losses):
            row, column = divmod(rank, COLUMNS)
            left, bottom = column * CELL[0] + MARGIN[0], height - top - (row + 1) * CELL[1] + MARGIN[1]
            place = left / width, bottom / height, PANEL[0] / width, PANEL[1] / height
            draw_loss(figure.add_axes(place), loss)
        top += CELL[1] * -(-len(losses) // COLUMNS)
    figure.legend(
        handles=figure.axes[0].lines[:3],
        loc="upper left",
        bbox_to_anchor=(0, 1),
        ncols=3,
        fontsize=8,
        frameon=False,
        borderaxespad=0,
    )
    note = "across: pred - target, or pred where targets are named; dashed: at the second of them"
    figure.text(1 - 0.1 / width, 1 - 0.17 / height, note, ha="right", size=7, color=FAINT)
    save(figure, path)


def draw_loss(axes: Axes, loss: Loss) -> None:
    """Draw the panel of one loss at its default parameters."""
    params = {name: domain.default for name, domain in loss.domains.items()}
    facts = [f"{name}={default:.4g}" for name, default in params.items()]
    targets = [0.0] if is_of_error(loss) else targets_of(loss)
    if len(targets) > 1:
        facts.append(f"target {' and '.join(f'{target:g}' for target in targets)}")
    pred = window(loss)
    curves = [computed(loss, pred, target) for target in targets]
    for found, dashes in zip(curves, DASHES, strict=False):
        for (name, colour), curve in zip(QUANTITIES.items(), found, strict=True):
            axes.plot(pred, curve, color=colour, ls=dashes, lw=1.2, label=name)
    axes.set(xlim=pred[[0, -1]], ylim=_limits(np.array(curves)))
    axes.xaxis.set_major_locator(MaxNLocator(3, integer=bool(np.ptp(pred) > 2)))
    axes.yaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 5, 10]))
    axes.tick_params(labelsize=6, length=0, pad=2, colors=FAINT)
    axes.grid(color=GRID, lw=0.6)
    axes.spines[:].set_color(GRID)
    axes.axhline(0, color="#b9c0c8", lw=0.6, zorder=1)
    left = -0.18
    axes.text(left, 1.2, loss.name, transform=axes.transAxes, size=6.5, color=INK)
    axes.text(left, 1.06, ", ".join(facts), transform=axes.transAxes, size=5.5, color=FAINT)


def is_of_error(loss: Loss) -> bool:
    """Whether a loss depends on the error alone, tested with numbers whose differences are exact."""
    errors = np.arange(-3, 3.25, 0.25)
    moved = [computed(loss, errors + target, target) for target in (0.0, 1.0, 4.0)]
    return not loss.operands and all(np.array_equal(moved[0], each, equal_nan=True) for each in moved[1:])


def targets_of(loss: Loss) -> list[float]:
    """Two targets that a loss allows."""
    domain = loss.operands.get("target", real())
    if isinstance(domain, Labels):
        return [domain.values[0], domain.values[-1]]
    if isfinite(domain.low) and isfinite(domain.high):
        room = 0.0 if domain.low_included and domain.high_included else (domain.high - domain.low) / 4
        return [domain.low + room, domain.high - room]
    if isfinite(domain.high):
        return [domain.high - 2, domain.high - 1]
    low = domain.low if isfinite(domain.low) else 0.0
    return [low + 1, low + 2]


def window(loss: Loss) -> Array:
    """Predictions to draw a loss at, within its domain."""
    domain = loss.operands.get("pred", real())
    if isinstance(domain, Labels):
        return np.linspace(min(domain.values), max(domain.values), POINTS)
    low, high = domain.low, domain.high
    if low == -inf:
        low = -3.0 if high == inf else high - 4
    if high == inf:
        high = 3.0 if domain.low == -inf else low + 4
    step = (high - low) / (POINTS - 1)
    if low == domain.low and not domain.low_included:
        low += step / 4
    if high == domain.high and not domain.high_included:
        high -= step / 4
    return np.linspace(low, high, POINTS)


def computed(loss: Loss, pred: Array, target: float) -> Array:
    """Value, gradient and second derivative in rows, by the formula in Python.

    Compiling every loss would take a minute.
    """
    params = [np.float64(domain.default) for domain in loss.domains.values()]
    with np.errstate(all="ignore"):
        return np.array([loss.formula(x, np.float64(target), *params) for x in pred], float).T


def _limits(curves: Array) -> tuple[float, float]:
    """Limits that show most of the values and gradients, and of the second derivatives what is near."""
    first, second = curves[:, :2], curves[:, 2]
    low = min(0.0, np.nanpercentile(first, 12, axis=-1).min())
    high = np.nanpercentile(first, 95, axis=-1).max()
    more = 0.5 * (high - low)
    low = min(low, max(low - more, np.nanmin(second)))
    high = max(high, min(high + more, np.nanmax(second)))
    room = 0.1 * (high - low)
    return low - room, high + room
