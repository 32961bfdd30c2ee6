"""The pictures of the README, drawn from the results of `benchmarks.report`."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.comparison import CEILING, Speeds

if TYPE_CHECKING:  # asv imports every file in this folder
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ["#0072b2", "#56b4e9", "#009e73", "#e69f00", "#cc79a7", "#8c564b", "#5e4fa2", "#7f7f7f"]
OURS = "#d55e00"


def draw(speeds: dict[str, Speeds], names: list[str], bars: dict[int, str], folder: Path) -> None:
    """Draw `throughput.svg` and `ratios.svg`."""
    import matplotlib

    with matplotlib.rc_context(
        {
            "svg.hashsalt": "fastloss",
            "svg.fonttype": "none",
            "font.size": 9,
            "axes.edgecolor": "#57606a",
            "axes.axisbelow": True,
        }
    ):
        throughput(speeds, names).savefig(folder / "throughput.svg", metadata={"Date": None})
        chosen = {label: speeds[str(size)] for size, label in bars.items()}
        ratios(chosen, names).savefig(folder / "ratios.svg", metadata={"Date": None})


def throughput(speeds: dict[str, Speeds], names: list[str]) -> "Figure":
    """Plot GB/s against the number of elements, with the ceiling."""
    figure, axes = _figure(4.2)
    sizes = [int(size) for size in speeds]
    ours = [found["GB/s"] for found in speeds.values()]
    axes.plot(sizes, ours, color=OURS, linewidth=2.5, marker=".", label="fastloss")
    for k, name in enumerate(names):
        line = [found["GB/s"] / found["speedup"].get(name, math.nan) for found in speeds.values()]
        if name == CEILING:
            axes.plot(sizes, line, "--", color="black", linewidth=1, label=f"{name} alone, the ceiling")
        else:
            colour = COLOURS[k % len(COLOURS)]
            axes.plot(sizes, line, color=colour, linewidth=1.2, marker=".", label=name)
    axes.set(xscale="log", yscale="log", xlabel="elements", ylabel="GB/s (12 bytes an element)")
    axes.set_title("Huber's mean and gradient, float32")
    axes.grid(color="#e6e9ed")
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def ratios(speeds: dict[str, Speeds], names: list[str]) -> "Figure":
    """Draw bars of how many times as fast as each peer fastloss is, at a few sizes."""
    names = [name for name in names if name != CEILING]
    figure, axes = _figure(1.2 + 0.15 * len(speeds) * max(1, len(names)))
    height = 0.8 / len(speeds)
    for k, (label, found) in enumerate(speeds.items()):
        places = [row + (k - (len(speeds) - 1) / 2) * height for row in range(len(names))]
        values = [found["speedup"].get(name, math.nan) for name in names]
        drawn = axes.barh(places, values, height, color=[OURS, *COLOURS][k], label=f"n = {label}")
        axes.bar_label(drawn, [short(value) for value in values], padding=2, fontsize=7)
    axes.axvline(1, color="black", linewidth=1)
    axes.set(xscale="log", xlabel="times as fast as", yticks=range(len(names)), yticklabels=names)
    axes.invert_yaxis()
    axes.set_title("fastloss beside its peers: Huber's mean and gradient, float32")
    axes.grid(color="#e6e9ed", axis="x")
    axes.legend(frameon=False)
    return figure


def short(ratio: float) -> str:
    """Write a ratio with two digits, or nothing for NaN."""
    return "" if math.isnan(ratio) else f"{float(f'{ratio:.2g}'):g}"


def _figure(height: float) -> "tuple[Figure, Axes]":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes
