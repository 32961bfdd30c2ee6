"""The demo: its fit, its comparison with NumPy, and its picture."""

import os
import re
import struct
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

import fastloss
from fastloss.__main__ import main
from fastloss.commands import CommandError, demo, plot
from fastloss.losses import shipped
from tests.reference import elementwise
from tests.subprocesses import run_command

SIZE = 5000


def only_line(out, err):
    """What was said to stderr, in a single line, when nothing else was printed."""
    assert out == ""
    assert re.fullmatch(r".+\n", err), err
    return err.rstrip()


@pytest.fixture(scope="module")
def demonstration(tmp_path_factory):
    """One run of the demo: what it printed and the picture it drew."""
    picture = tmp_path_factory.mktemp("demo") / "picture.png"
    apart = "assert not {'matplotlib.pyplot', 'numba.cuda', 'scipy'} & sys.modules.keys()"
    result = run_command("demo", "--size", str(SIZE), "--plot", str(picture), after=apart)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout, picture


@pytest.fixture
def table(monkeypatch, capsys):
    """The comparison of the losses as its status, its rows by loss, and the whole text."""

    def compare(formulas):
        for name, formula in formulas.items():
            monkeypatch.setitem(demo.FORMULAS, name, formula)
        status = demo._report_losses(100)
        text = capsys.readouterr().out
        return status, rows_of(text), text

    return compare


def rows_of(text):
    """The words of each loss's row."""
    lines = [line.split() for line in text.splitlines()]
    return {words[0]: words[1:] for words in lines if words and words[0] in shipped() and len(words) > 5}


def test_demo_fits_the_flights_to_the_known_coefficients(demonstration):
    text, _ = demonstration
    fits = {}
    for name in ("Huber, delta = 5", "least squares"):
        (line,) = (line for line in text.splitlines() if line.startswith(f"{name} "))
        fits[name] = [float(word) for word in line.removeprefix(name).split()]
    assert fits["Huber, delta = 5"] == [-7.36709, 1.006097, 53.900032]
    assert fits["least squares"][:2] == pytest.approx([-5.8995, 1.01909], abs=5e-5)
    assert "327,346 flights" in text
    steps, evaluations = map(int, re.search(r"took (\d+) Newton steps.* (\d+) evaluations", text).groups())
    assert 1 < steps < evaluations < 20


@pytest.mark.parametrize("seed", range(20))
def test_fit_reaches_the_minimum_where_full_newton_steps_do_not(seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(40)
    y = 1 + 2 * x + 2 * rng.standard_cauchy(40)  # few errors within delta of the least-squares line
    fit = demo.fit_line(x, y, 0.5)
    slopes = np.clip(fit.intercept + fit.slope * x - y, -0.5, 0.5)
    assert [slopes.mean(), (slopes * x).mean()] == pytest.approx([0, 0], abs=1e-5)
    assert fit.evaluations > fit.steps


def test_a_fit_that_cannot_converge_says_so():
    with pytest.raises(CommandError, match="did not converge"):
        demo.fit_line(np.arange(3.0), np.array([0.0, np.nan, 1.0]), 5.0)


def test_demo_shows_every_loss_with_its_mean_and_gradient_and_equal_to_numpy(demonstration):
    text, _ = demonstration
    rng = np.random.default_rng(2013)
    pred, target = (rng.standard_normal(SIZE, dtype=np.float32) for _ in range(2))
    rows = rows_of(text)
    assert rows.keys() == shipped().keys()
    compared = [name for name in rows if name in demo.FORMULAS]
    assert compared
    for name, (mean, norm, ms, _, speed, _, *theirs) in rows.items():
        params = {key: domain.default for key, domain in shipped()[name].domains.items()}
        value, grad, _ = elementwise(name, pred, target, params)
        assert float(mean) == pytest.approx(value.mean(), abs=1e-6)
        assert float(norm) == pytest.approx(np.linalg.norm(grad) / SIZE, rel=1e-3)
        assert float(speed) == pytest.approx(12 * SIZE / (float(ms) * 1e6), rel=0.02, abs=0.06)
        if name in compared:
            numpy_ms, _, ratio, _, difference = theirs
            assert float(ratio) == pytest.approx(float(numpy_ms) / float(ms), rel=0.02, abs=0.06)
            assert 0 < float(difference) < 1e-6
        else:
            assert theirs == ["-"] * 3
    assert f"equal to NumPy: yes; value and each gradient element of {len(compared)} losses" in text
    assert "tolerance 1e-06" in text


@pytest.mark.parametrize(
    "wrong",
    [
        lambda error, delta: (demo._huber(error, delta)[0] * np.float32(1.001), demo._huber(error, delta)[1]),
        lambda error, delta: (
            demo._huber(error, delta)[0],
            np.where(error == error[7], 0, demo._huber(error, delta)[1]),
        ),
        lambda error, delta: (demo._huber(error, delta)[0], np.full_like(error, np.nan)),
    ],
    ids=["value", "one gradient element", "NaN"],
)
def test_a_result_that_is_not_numpys_is_named_and_fails_the_demo(table, wrong):
    assert table({})[0] == 0
    status, _, text = table({"huber": wrong})
    assert status == 1
    assert "equal to NumPy: NO, not huber;" in text


def test_a_loss_without_a_numpy_formula_is_shown_without_comparison(table, monkeypatch):
    monkeypatch.delitem(demo.FORMULAS, "huber")
    status, rows, text = table({})
    assert status == 0
    assert rows["huber"][-3:] == ["-"] * 3
    assert f"of {len(demo.FORMULAS)} losses" in text


def test_plot_is_a_picture_of_decent_size(demonstration):
    text, picture = demonstration
    data = picture.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", data[16:24])
    assert width >= 1500
    assert height >= 800
    assert len(data) > 50_000
    assert f"drawn to {picture}" in text


def test_plot_draws_the_lines_and_every_loss_with_its_gradient():
    fit, values, gradients = Figure().subplots(3)
    plot._draw_flights(fit, np.arange(-20.0, 180), np.tile([-5.0, 5.0], 100))
    plot._draw_lines(fit, {"one": (1.0, 3.0)})
    line = next(line for line in fit.lines if line.get_label().startswith("one: "))
    assert np.ptp(line.get_ydata()) == pytest.approx(2 * np.ptp(line.get_xdata()))
    assert line.get_ydata()[0] == pytest.approx(1 + 2 * line.get_xdata()[0])
    plot._draw_losses(values, gradients)
    for (name, loss), value, gradient in zip(shipped().items(), values.lines, gradients.lines, strict=True):
        assert gradient.get_label().split()[0] == name
        error = value.get_xdata()
        expected = loss.value_and_grad(error, np.zeros_like(error), reduction="none")
        np.testing.assert_allclose([value.get_ydata(), gradient.get_ydata()], expected, rtol=1e-14)


def test_plot_without_matplotlib_says_how_to_get_it_before_computing():
    result = run_command("demo", "--plot", "x.png", before="sys.modules['matplotlib'] = None")
    assert result.returncode == 2
    expected = "fastloss demo: --plot needs matplotlib: pip install 'fastloss[plot]'"
    assert only_line(result.stdout, result.stderr).startswith(expected)


@pytest.mark.parametrize("name", ["missing/x.png", "folder.png", "x.gif", "x", ".png"])
def test_a_plot_that_cannot_be_written_is_told_before_computing(tmp_path, capsys, name):
    (tmp_path / "folder.png").mkdir()
    assert main(["demo", "--plot", str(tmp_path / name)]) == 2
    line = only_line(*capsys.readouterr())
    assert line.startswith("fastloss demo: ")
    assert str(tmp_path / name) in line
    assert os.listdir(tmp_path) == ["folder.png"]


def test_checking_a_plot_file_changes_nothing(tmp_path):
    old, new = tmp_path / "old.png", tmp_path / "new.png"
    old.write_text("kept")
    plot.check(str(old), __file__, force=True)
    plot.check(str(new), __file__, force=False)
    assert old.read_text() == "kept"
    assert not new.exists()


def test_a_plot_replaces_no_file_unless_forced_and_never_the_data(tmp_path, capsys):
    data = Path(fastloss.__file__).parent / "data" / "flights.npz"
    before = data.read_bytes()
    (tmp_path / "data.png").symlink_to(data)
    (tmp_path / "old.png").write_text("kept")
    for name, options, said in [
        ("old.png", [], "exists: add --force to replace it"),
        ("data.png", [], "would replace an input: it is the same file as "),
        ("data.png", ["--force"], "would replace an input: it is the same file as "),
    ]:
        assert main(["demo", "--plot", str(tmp_path / name), *options]) == 2
        assert f"fastloss demo: --plot {tmp_path / name} {said}" in only_line(*capsys.readouterr())
    assert (tmp_path / "old.png").read_text() == "kept"
    assert data.read_bytes() == before
