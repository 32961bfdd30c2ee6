"""The examples run, and say what they should."""

import runpy
from pathlib import Path

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


def test_the_readme_shows_the_picture_that_is_there():
    assert "(examples/adaptive_threshold.svg)" in (EXAMPLES.parent / "README.md").read_text()
    assert (EXAMPLES / "adaptive_threshold.svg").stat().st_size < 100_000
