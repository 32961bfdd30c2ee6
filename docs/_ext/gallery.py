"""The gallery: a page for each loss, generated from the package and from the calls that its tests record."""

import json
import re
import runpy
from math import inf
from pathlib import Path

import numpy as np
from formula import display
from matplotlib.figure import Figure

from fastloss.commands.plot_losses import is_of_error, targets_of, window
from fastloss.losses import grouped

DOCS = Path(__file__).parent.parent
PEERS = DOCS.parent / "tests" / "data" / "peers.json"
COLOURS = "#2660a4", "#d1495b", "#3c896d"
OUTSIDE = "For an element outside this domain, the value and the derivatives are NaN."
PANELS = {"value": "value", "grad": "gradient: influence", "weight": "weight: gradient over error"}


def write(_app=None):
    """Write the pages and pictures of `docs/gallery`, before Sphinx reads them."""
    folder = DOCS / "gallery"
    folder.mkdir(exist_ok=True)
    peers = peers_of()
    for losses in grouped().values():
        for loss in losses:
            draw(loss, folder)
            _put(folder / f"{loss.name}.md", page(loss, peers.get(loss.name, {})))
    _put(folder / "index.md", index())
    example = runpy.run_path(str(DOCS.parent / "examples" / "which_loss.py"))
    points = example["points"]()
    lines = {name: example["fit"](name, *points) for name in example["LOSSES"]}
    example["draw"](str(DOCS / "which_loss.svg"), *points, lines)


def _put(path, text):
    """Write a file unless its text is the same, because Sphinx reads a changed file again."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def peers_of():
    """For each loss, the packages and functions that give the same numbers, as recorded by the tests."""
    data = json.loads(PEERS.read_text(encoding="utf-8"))
    found = {}
    for figure in data["figures"]:
        package = data["sources"][figure["source"]].partition(",")[0].partition(":")[0]
        calls = found.setdefault(figure["loss"], {}).setdefault(package, {})
        calls.setdefault(re.split(r"[(,]", figure["call"])[0])
    return found


def page(loss, peers):
    # A short page needs no table of contents at the right, and without it the pictures have more room.
    lines = ["---", "html_theme.sidebar_secondary.remove: true", "---", ""]
    lines += [f"# {loss.name}", "", "::::{grid} 1 3 3 3", ":gutter: 1", ""]
    for name, title in PANELS.items():
        lines += [":::{grid-item}", f"![{loss.name}, {title}]({loss.name}-{name}.svg)", ":::", ""]
    lines += ["::::", ""]
    lines += [display(loss), ""]
    for name, domain in loss.operands.items():
        lines += [f"`{name}` must be {domain}. {OUTSIDE}", ""]
    if loss.aliases:
        lines += [f"Other names that `fastloss.get` finds: {', '.join(f'`{x}`' for x in loss.aliases)}.", ""]
    if peers:
        lines += ["The tests compare it with the same loss in these packages:", ""]
        lines += [f"- {package}: {', '.join(f'`{x}`' for x in calls)}" for package, calls in peers.items()]
    lines += ["", "```{eval-rst}", f".. autodata:: fastloss.{loss.name}", "   :no-value:", "```", ""]
    return "\n".join(lines)


def index():
    lines = [
        "# Gallery of losses",
        "",
        "Each page shows the curves and the formula of a loss, its influence and weight functions, and the",
        "packages that have the same loss. The influence of an error on a fit is the gradient. The weight is",
        "the gradient divided by the error, as used by iteratively reweighted least squares. All losses have",
        "the same six calls, which [the guide](../guide/calls.md) describes.",
        "",
    ]
    for heading, losses in grouped().items():
        lines += [f"## {heading}", "", "::::{grid} 2 3 4 4", ":gutter: 2", ""]
        for loss in losses:
            lines += [f":::{{grid-item-card}} {loss.name}", f":link: {loss.name}", ":link-type: doc"]
            lines += [f":img-top: {loss.name}-value.svg", ":::", ""]
        lines += ["::::", ""]
    names = [loss.name for losses in grouped().values() for loss in losses]
    return "\n".join([*lines, "```{toctree}", ":hidden:", "", *names, "```", ""])


def draw(loss, folder):
    """Draw value, gradient and weight of a loss for several values of a parameter, or several targets."""
    pred, curves = window(loss), []
    for _, target, params in variants(loss):
        given = pred, np.full_like(pred, target)
        value, grad = loss.value_and_grad(*given, reduction="none", **params)
        curves.append((value, grad, loss.irls_weights(*given, **params)))
    labels = [label for label, _, _ in variants(loss)]
    for name, drawn in zip(PANELS, zip(*curves, strict=True), strict=True):
        panel(loss, PANELS[name], pred, drawn, labels).savefig(
            folder / f"{loss.name}-{name}.svg", metadata={"Date": None}
        )


def panel(loss, title, pred, curves, labels):
    figure = Figure(figsize=(3.2, 2.4), layout="constrained", facecolor="white")
    axes = figure.subplots()
    for colour, curve, label in zip(COLOURS, curves, labels, strict=False):
        axes.plot(pred, np.where(np.isfinite(curve), curve, np.nan), color=colour, lw=1.8, label=label)
    seen = np.concatenate(curves)
    seen = seen[np.isfinite(seen)]
    low, high = min(0.0, np.percentile(seen, 2)), max(0.0, np.percentile(seen, 96))
    room = 0.08 * (high - low) or 1.0
    axes.set_ylim(low - room, high + room)
    axes.set_title(title, size=10)
    axes.set_xlabel("pred - target" if is_of_error(loss) else "pred", size=9)
    axes.tick_params(labelsize=8)
    axes.grid(color="#e3e7eb", lw=0.6)
    axes.spines[:].set_color("#b9c0c8")
    if len(curves) > 1:
        axes.legend(fontsize=8, frameon=False)
    return figure


def variants(loss):
    """The curves to draw for a loss, at most three: a label, a target and parameters for each."""
    if not is_of_error(loss):
        return [(f"target={x:g}", x, {}) for x in targets_of(loss)]
    if not loss.domains:
        return [("", 0.0, {})]
    name, domain = next(iter(loss.domains.items()))
    if domain.high < inf:
        chosen = [0.1, 0.5, 0.9]
    elif loss.name == "general_robust":
        chosen = [-2.0, 0.0, 1.0]
    else:
        chosen = [domain.default / 2, domain.default, domain.default * 2]
    return [(f"{name}={x:g}", 0.0, {name: x}) for x in chosen]


def setup(app):
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
