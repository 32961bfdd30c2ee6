"""Draw the demo: the fit on the flights, and the losses with their gradients."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from fastloss.commands import CommandError, check_replaceable
from fastloss.losses import shipped

Array = np.ndarray[Any, Any]
Line = tuple[float, float]

SUFFIXES = (".png", ".pdf", ".svg")
INK, GRID = "#22272e", "#e6e9ed"
DENSITY = LinearSegmentedColormap.from_list("density", ["#eef1f4", "#b4bfca", "#56677a"])
# Okabe and Ito's colours, which colour-blind readers can tell apart.
COLOURS = ("#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")


def check(path: str, data: str, force: bool) -> None:
    """Raise a `CommandError` if no picture can be written there, or only over a file that must stay."""
    if Path(path).suffix.lower() not in SUFFIXES:
        raise CommandError(f"--plot writes {', '.join(SUFFIXES)} files, got {path!r}")
    check_replaceable("--plot", path, {data: os.stat(data)}, force)
    existed = os.path.lexists(path)
    try:
        with open(path, "ab"):
            pass
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}") from error
    if not existed:
        os.remove(path)


def draw(path: str, dep: Array, arr: Array, lines: dict[str, Line], delta: float) -> None:
    """Write the picture.

    Parameters
    ----------
    path : str
        The file; its suffix tells the format.
    dep, arr : ndarray
        Departure and arrival delays in whole minutes.
    lines : dict
        Intercept and slope of each line by its name.
    delta : float
        Where the fitted Huber loss turns linear, in minutes.
    """
    layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08, wspace=0.04)
    figure = Figure(figsize=(13, 7), layout=layout, facecolor="white")
    grid = figure.add_gridspec(3, 2, width_ratios=(1.7, 1), height_ratios=(1, 1, 0.3))
    fit, key = figure.add_subplot(grid[:, 0]), figure.add_subplot(grid[2, 1])
    values, gradients = figure.add_subplot(grid[0, 1]), figure.add_subplot(grid[1, 1])
    _draw_flights(fit, dep, arr - dep)
    _draw_lines(fit, lines)
    fit.set_title(
        "Huber regression follows the typical flight; a few very late ones pull least squares up\n"
        f"{dep.size:,} flights from New York in 2013, delta = {delta:g} min",
        loc="left",
        fontsize="medium",
    )
    _draw_losses(values, gradients)
    key.legend(*gradients.get_legend_handles_labels(), loc="center", ncols=2, fontsize="small", frameon=False)
    key.axis("off")
    for axes in (fit, values, gradients):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)


def _draw_flights(axes: Axes, dep: Array, gain: Array) -> None:
    """Show how much later a flight arrived than it left, and the median of each 10 minutes.

    Against the arrival delay itself the lines would be too much alike to tell apart.
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


def _draw_losses(values: Axes, gradients: Axes) -> None:
    """Draw every loss at its default parameters."""
    error = np.linspace(-3, 3, 1201)
    losses = list(shipped().values())
    # Some coincide: later ones are thinner and every second one dashed, so that all show.
    for rank, width in enumerate(np.linspace(6, 2, len(losses))):
        dashes = (0, (3, 2)) if rank % 2 else "-"
        loss, style = losses[rank], {"color": COLOURS[rank % len(COLOURS)], "lw": width, "ls": dashes}
        params = {name: domain.default for name, domain in loss.domains.items()}
        settings = ", ".join(f"{name} = {default:g}" for name, default in params.items())
        value, gradient, _ = np.array([loss.formula(e, 0.0, *params.values()) for e in error.tolist()]).T
        values.plot(error, value, **style)
        gradients.plot(error, gradient, label=f"{loss.name} ({settings})" if settings else loss.name, **style)
    values.set(xlim=(-3, 3), ylim=(0, 4), ylabel="loss")
    values.set_title("The losses and their gradients", loc="left", fontsize="medium")
    values.tick_params(labelbottom=False)
    gradients.set(xlim=(-3, 3), ylim=(-2.5, 2.5), xlabel="error = prediction - target", ylabel="gradient")
    for axes in (values, gradients):
        axes.grid(color=GRID)
