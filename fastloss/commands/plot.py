"""What the pictures of the commands share."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from fastloss.commands import CommandError, check_replaceable

SUFFIXES = (".png", ".pdf", ".svg")
INK, GRID = "#22272e", "#e6e9ed"
# Okabe and Ito's colours, which colour-blind readers can tell apart.
COLOURS = ("#d55e00", "#0072b2", "#009e73")
STYLE: Any = {"svg.hashsalt": "fastloss", "svg.fonttype": "none", "path.simplify_threshold": 0.3}


def check(path: str, inputs: Sequence[str], force: bool) -> None:
    """Raise a `CommandError` if no picture can be written there, or only over a file that must be kept."""
    if Path(path).suffix.lower() not in SUFFIXES:
        raise CommandError(f"--plot writes {', '.join(SUFFIXES)} files, got {path!r}")
    check_replaceable("--plot", path, {name: os.stat(name) for name in inputs}, force)
    existed = os.path.lexists(path)
    try:
        with open(path, "ab"):
            pass
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}") from error
    if not existed:
        os.remove(path)


def save(figure: Figure, path: str) -> None:
    """Write a picture. As .svg, the same picture gives the same bytes."""
    vector = Path(path).suffix.lower() == ".svg"
    with matplotlib.rc_context(STYLE):
        figure.savefig(path, dpi=150, metadata={"Date": None} if vector else None)
