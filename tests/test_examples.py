"""The examples run, and print and draw what they should."""

import runpy
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture
def adaptive_threshold():
    return runpy.run_path(str(EXAMPLES / "adaptive_threshold.py"))


def test_both_losses_adapt_and_fit_the_line(adaptive_threshold, tmp_path, capsys):
    picture = tmp_path / "picture.svg"
    adaptive_threshold["main"]([str(picture)])
    text = capsys.readouterr().out
    assert text.count("arrival delay = -7") == 2
    assert "<svg" in picture.read_text()
    for make in ("dynamic", "self_adjusting"):
        _, path = adaptive_threshold["train"](adaptive_threshold[make]())
        (first, beta), (last, final) = path[0], path[-1]
        assert last < first
        assert (final < beta / 2).all()


def test_robust_losses_find_the_line_beneath_the_outliers(tmp_path, capsys):
    which_loss = runpy.run_path(str(EXAMPLES / "which_loss.py"))
    picture = tmp_path / "picture.svg"
    which_loss["main"]([str(picture)])
    printed = [line.partition(" ")[0] for line in capsys.readouterr().out.splitlines()]
    assert [name for name in printed if name in which_loss["LOSSES"]] == [*which_loss["LOSSES"]]
    text = picture.read_text()
    assert all(name in text for name in which_loss["LOSSES"])
    x, y = which_loss["points"]()
    fits = {name: which_loss["fit"](name, x, y) for name in which_loss["LOSSES"]}
    off = {name: np.abs(line - which_loss["LINE"]).max() for name, line in fits.items()}
    assert (
        max(off["huber"], off["cauchy"], off["tukey_biweight"], off["absolute_error"]) < off["squared_error"]
    )
    below = y < fits["quantile"][0] + fits["quantile"][1] * x
    assert below.mean() == pytest.approx(0.9, abs=0.01)


def test_the_guide_shows_the_picture_that_is_there():
    page = EXAMPLES.parent / "docs" / "guide" / "thresholds.md"
    assert "(../../examples/adaptive_threshold.svg)" in page.read_text()
    assert (EXAMPLES / "adaptive_threshold.svg").stat().st_size < 100_000
