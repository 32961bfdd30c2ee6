"""The pictures that commands draw, and errors if one cannot be drawn."""

import os
import re
from math import inf
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

import fastloss
from fastloss.__main__ import main
from fastloss._definition.domain import Domain, labels
from fastloss.commands import plot, plot_losses
from fastloss.losses import shipped
from tests.exact import REFERENCES
from tests.refused import only_line
from tests.subprocesses import run_command

ROOT = Path(__file__).parent.parent
COMMANDS = "demo", "losses"


@pytest.mark.parametrize("name", shipped())
def test_a_loss_is_drawn_as_it_computes(name):
    loss, axes = shipped()[name], Figure().subplots()
    plot_losses.draw_loss(axes, loss)
    targets = [0.0] if REFERENCES[name].of_error else plot_losses.targets_of(loss)
    curves = iter(axes.lines)
    for target in targets:
        pred = axes.lines[0].get_xdata()
        expected = loss.value_grad_hess(pred, np.full_like(pred, target), reduction="none")
        for quantity, wanted in zip(plot_losses.QUANTITIES, expected, strict=True):
            curve = next(curves)
            assert curve.get_label() == quantity
            np.testing.assert_array_equal(curve.get_ydata(), wanted)
            assert not np.isnan(wanted).any()
    texts = [text.get_text() for text in axes.texts]
    assert texts[0] == name
    assert all(f"{parameter}=" in texts[1] for parameter in loss.domains)
    assert ("target" in texts[1]) == (len(targets) > 1)


@pytest.mark.parametrize(
    "domain",
    [
        labels(-1, 0, 3),
        Domain(0, 1, True, True),
        Domain(0, 1, False, True),
        Domain(-inf, 2, False, False),
        Domain(-1, inf, False, True),
        Domain(2, inf, True, False),
        fastloss.real(),
    ],
    ids=str,
)
def test_what_is_drawn_is_in_the_domain(domain):
    @fastloss.loss(pred=domain, target=domain)
    def users(pred, target):
        return pred * target, target, pred

    first, second = plot_losses.targets_of(users)
    assert first in domain
    assert second in domain
    assert first < second
    pred = plot_losses.window(users)
    assert all(x in domain for x in (pred if isinstance(domain, Domain) else pred[[0, -1]]))
    assert 0.99 <= np.ptp(pred) <= 6


def test_the_same_losses_give_the_same_file(tmp_path):
    few = {"Some": [fastloss.huber, fastloss.quantile], "Another": [fastloss.huber]}
    for name in ("a.svg", "b.svg"):
        plot_losses.draw(str(tmp_path / name), few)
    found = (tmp_path / "a.svg").read_text()
    assert found == (tmp_path / "b.svg").read_text()
    assert [found.count(f">{text}<") for text in ("huber", "quantile", "Some", "Another")] == [2, 1, 1, 1]


def test_the_readme_shows_a_picture_of_every_loss():
    assert "](examples/losses.svg)" in (ROOT / "README.md").read_text(encoding="utf-8")
    drawn = set(re.findall(r">(\w+)</text>", (ROOT / "examples" / "losses.svg").read_text(encoding="utf-8")))
    missing = shipped().keys() - drawn
    assert not missing, "run: python -m fastloss losses --plot examples/losses.svg --force"
    assert (ROOT / "examples" / "losses.svg").stat().st_size < 300_000


@pytest.mark.parametrize("command", COMMANDS)
def test_without_matplotlib_it_says_how_to_get_it_before_computing(command):
    result = run_command(command, "--plot", "x.png", before="sys.modules['matplotlib'] = None")
    assert result.returncode == 2
    expected = f"fastloss {command}: --plot needs matplotlib: pip install 'fastloss[plot]'"
    assert only_line(result.stdout, result.stderr).startswith(expected)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", ["missing/x.png", "folder.png", "x.gif", "x", ".png"])
def test_a_plot_that_cannot_be_written_is_told_before_computing(tmp_path, capsys, name, command):
    (tmp_path / "folder.png").mkdir()
    assert main([command, "--plot", str(tmp_path / name)]) == 2
    line = only_line(*capsys.readouterr())
    assert line.startswith(f"fastloss {command}: ")
    assert str(tmp_path / name) in line
    assert os.listdir(tmp_path) == ["folder.png"]


def test_checking_a_plot_file_changes_nothing(tmp_path):
    old, new = tmp_path / "old.png", tmp_path / "new.png"
    old.write_text("kept")
    plot.check(str(old), [__file__], force=True)
    plot.check(str(new), [__file__], force=False)
    assert old.read_text() == "kept"
    assert not new.exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_plot_replaces_no_file_unless_forced(tmp_path, capsys, command):
    (tmp_path / "old.png").write_text("kept")
    assert main([command, "--plot", str(tmp_path / "old.png")]) == 2
    said = f"fastloss {command}: --plot {tmp_path / 'old.png'} exists: add --force to replace it"
    assert only_line(*capsys.readouterr()) == said
    assert (tmp_path / "old.png").read_text() == "kept"


@pytest.mark.parametrize("options", [[], ["--force"]])
def test_a_plot_never_replaces_the_data(tmp_path, capsys, options):
    data = Path(fastloss.__file__).parent / "data" / "flights.npz"
    before = data.read_bytes()
    (tmp_path / "data.png").symlink_to(data)
    assert main(["demo", "--plot", str(tmp_path / "data.png"), *options]) == 2
    said = f"fastloss demo: --plot {tmp_path / 'data.png'} would replace an input: it is the same file as "
    assert only_line(*capsys.readouterr()).startswith(said)
    assert data.read_bytes() == before
