"""The README's pictures, of the results of `benchmarks.report`."""

from pathlib import Path
from typing import Any

from benchmarks.comparison import CEILING, Speeds

COLOURS = ["#d55e00", "#0072b2", "#56b4e9", "#009e73", "#e69f00", "#cc79a7", "#8c564b", "#5e4fa2", "#7f7f7f"]
STYLE = {"svg.hashsalt": "fastloss", "font.size": 9, "axes.edgecolor": "#57606a", "axes.axisbelow": True}


def draw(speeds: dict[str, Speeds], bars: dict[int, str], folder: Path) -> None:
    """`throughput.svg` and `ratios.svg`."""
    import matplotlib

    with matplotlib.rc_context(STYLE):
        throughput(speeds, folder / "throughput.svg")
        ratios({label: speeds[str(size)] for size, label in bars.items()}, folder / "ratios.svg")


def throughput(speeds: dict[str, Speeds], file: Path) -> None:
    """GB/s against n, and the ceiling."""
    figure, axes = _figure(4.2)
    sizes = [int(size) for size in speeds]
    for name, colour in zip(_peers(speeds), COLOURS, strict=False):
        line = [at_size[name]["GB/s"] for at_size in speeds.values()]
        width = 2.5 if name == "fastloss" else 1.2
        axes.plot(sizes, line, color=colour, linewidth=width, marker=".", label=name)
    ceiling = [at_size[CEILING]["GB/s"] for at_size in speeds.values()]
    axes.plot(sizes, ceiling, "--", color="black", linewidth=1, label=f"{CEILING}, the ceiling")
    axes.set(xscale="log", yscale="log", xlabel="elements", ylabel="GB/s (12 bytes an element)")
    axes.set_title("Huber's mean and gradient, float32")
    axes.grid(color="#e6e9ed")
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(file, metadata={"Date": None})


def ratios(speeds: dict[str, Speeds], file: Path) -> None:
    """Bars: how many times as fast as each peer, at a few sizes."""
    figure, axes = _figure(4.2)
    names = [name for name in _peers(speeds) if name != "fastloss"]
    height = 0.8 / len(speeds)
    for k, (label, at_size) in enumerate(speeds.items()):
        places = [row + (k - (len(speeds) - 1) / 2) * height for row in range(len(names))]
        values = [at_size[name]["fastloss is faster"] for name in names]
        drawn = axes.barh(places, values, height, color=COLOURS[k], label=f"n = {label}")
        axes.bar_label(drawn, [short(value) for value in values], padding=2, fontsize=7)
    axes.axvline(1, color="black", linewidth=1)
    axes.set(xscale="log", xlabel="times as fast as", yticks=range(len(names)), yticklabels=names)
    axes.invert_yaxis()
    axes.set_title("fastloss beside its peers: Huber's mean and gradient, float32")
    axes.grid(color="#e6e9ed", axis="x")
    axes.legend(frameon=False)
    figure.savefig(file, metadata={"Date": None})


def short(ratio: float) -> str:
    """To two digits."""
    return f"{float(f'{ratio:.2g}'):g}"


def _peers(speeds: dict[str, Speeds]) -> list[str]:
    return [name for name in next(iter(speeds.values())) if name != CEILING]


def _figure(height: float) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes
