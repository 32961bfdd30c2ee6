"""Draw the demo: the fit on the flights."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from fastloss.commands.plot import COLOURS, GRID, INK, save

Array = np.ndarray[Any, Any]
Line = tuple[float, float]

DENSITY = LinearSegmentedColormap.from_list("density", ["#eef1f4", "#b4bfca", "#56677a"])


def draw(path: str, dep: Array, arr: Array, lines: dict[str, Line], delta: float) -> None:
    """Write the picture.

    Parameters
    ----------
    path : str
        The file; its suffix determines the format.
    dep, arr : ndarray
        Departure and arrival delays in whole minutes.
    lines : dict
        Intercept and slope of each line by its name.
    delta : float
        Where the fitted Huber loss turns linear, in minutes.
    """
    layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)
    figure = Figure(figsize=(10, 7), layout=layout, facecolor="white")
    fit = figure.add_subplot()
    _draw_flights(fit, dep, arr - dep)
    _draw_lines(fit, lines)
    fit.set_title(
        "Huber regression follows the typical flight; a few very late ones pull least squares up\n"
        f"{dep.size:,} flights from New York in 2013, delta = {delta:g} min",
        loc="left",
        fontsize="medium",
    )
    fit.spines[["top", "right"]].set_visible(False)
    save(figure, path)


def _draw_flights(axes: Axes, dep: Array, gain: Array) -> None:
    """Show how much later a flight arrived than it left, and the median of each 10 minutes.

    With the arrival delay itself on this axis, the lines would be too similar to tell apart.
    """
    across, along = np.arange(-20.5, 181), np.arange(-45.5, 46)  # cells of a minute, as the data
    counts, _, _ = np.histogram2d(dep, gain, (across, along))
    cells = axes.pcolormesh(
        across, along, np.ma.masked_equal(counts.T, 0), norm=LogNorm(1), cmap=DENSITY, rasterized=True
    )
    bar = axes.figure.colorbar(cells, ax=axes, pad=0.01, aspect=40)
    bar.set_label("flights in a cell of 1 x 1 min")
    bar.outline.set_visible(False)
    starts = np.arange(-20, 180, 10)
    medians = [np.median(gain[(dep >= start) & (dep < start + 10)]) for start in starts]
    label = "median of each 10 minutes of departure delay"
    axes.plot(starts + 4.5, medians, "o", ms=6, color="white", mec=INK, label=label, zorder=3)
    axes.axhline(0, color=INK, lw=0.8, ls=(0, (2, 3)))
    axes.text(179, 0.6, "as late as it left", ha="right", va="bottom", fontsize="small", color=INK)
    axes.set(
        xlim=across[[0, -1]],
        ylim=along[[0, -1]],
        xlabel="departure delay (min)",
        ylabel="arrival delay less departure delay (min)",
    )


def _draw_lines(axes: Axes, lines: dict[str, Line]) -> None:
    ends = np.array(axes.get_xlim())
    for (name, (intercept, slope)), colour in zip(lines.items(), COLOURS, strict=False):
        label = f"{name}: arrival = {intercept:.3f} min + {slope:.4f} departure"
        axes.plot(ends, intercept + (slope - 1) * ends, color=colour, lw=3, label=label)
    axes.legend(loc="upper right", framealpha=0.95, edgecolor=GRID)
