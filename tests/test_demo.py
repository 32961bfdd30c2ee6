"""The demo: its fit, its comparison with NumPy, and its picture."""

import re
import struct

import numpy as np
import pytest
from matplotlib.figure import Figure

from fastloss._definition.drawing import drawn
from fastloss.commands import CommandError, demo, plot_flights
from fastloss.losses import shipped
from tests.reference import elementwise
from tests.subprocesses import run_command

SIZE = 5000


@pytest.fixture(scope="module")
def demonstration(tmp_path_factory):
    """Run the demo once; return what it printed and the path of its picture."""
    picture = tmp_path_factory.mktemp("demo") / "picture.png"
    apart = "assert not {'matplotlib.pyplot', 'numba.cuda', 'fastloss.adapters.scipy'} & sys.modules.keys()"
    result = run_command("demo", "--size", str(SIZE), "--plot", str(picture), after=apart)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout, picture


@pytest.fixture
def table(monkeypatch, capsys):
    """Return a function that compares the losses: its status, its rows by loss and the whole text."""

    def compare(formulas):
        for name, formula in formulas.items():
            monkeypatch.setitem(demo.FORMULAS, name, formula)
        status = demo._report_losses(100)
        text = capsys.readouterr().out
        return status, rows_of(text), text

    return compare


def rows_of(text):
    """The words in the row of each loss."""
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


def test_demo_shows_losses_with_mean_and_gradient_and_equal_to_numpy(demonstration):
    text, _ = demonstration
    rows = rows_of(text)
    assert rows.keys() == demo.FORMULAS.keys()
    assert rows.keys() <= shipped().keys()
    for name, (mean, norm, ms, _, speed, _, numpy_ms, _, ratio, _, difference) in rows.items():
        params = {key: domain.default for key, domain in shipped()[name].domains.items()}
        pred, target = drawn(shipped()[name], np.random.default_rng(2013), SIZE, np.float32)
        value, grad, _ = elementwise(name, pred, target, params)
        assert float(mean) == pytest.approx(value.mean(), rel=2e-7, abs=1e-6)
        assert float(norm) == pytest.approx(np.linalg.norm(grad) / SIZE, rel=1e-3)
        assert float(speed) == pytest.approx(12 * SIZE / (float(ms) * 1e6), rel=0.02, abs=0.06)
        assert float(ratio) == pytest.approx(float(numpy_ms) / float(ms), rel=0.02, abs=0.06)
        assert 0 < float(difference) < 1e-6
    assert f"equal to NumPy: yes; value and each gradient element of {len(rows)} losses" in text
    assert "tolerance 1e-06" in text


@pytest.mark.parametrize(
    "wrong",
    [
        lambda value, grad: (value * np.float32(1.001), grad),
        lambda value, grad: (value, np.where(grad == grad[7], 0, grad)),
        lambda value, grad: (value, np.full_like(grad, np.nan)),
    ],
    ids=["value", "one gradient element", "NaN"],
)
def test_a_result_that_is_not_numpys_is_named_and_fails_the_demo(table, wrong):
    assert table({})[0] == 0
    status, _, text = table({"huber": lambda *given, **params: wrong(*demo._huber(*given, **params))})
    assert status == 1
    assert "equal to NumPy: NO, not huber;" in text


def test_plot_is_a_picture_of_decent_size(demonstration):
    text, picture = demonstration
    data = picture.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", data[16:24])
    assert width >= 1500
    assert height >= 800
    assert len(data) > 50_000
    assert f"drawn to {picture}" in text


def test_plot_draws_the_lines():
    fit = Figure().subplots()
    plot_flights._draw_flights(fit, np.arange(-20.0, 180), np.tile([-5.0, 5.0], 100))
    plot_flights._draw_lines(fit, {"one": (1.0, 3.0)})
    line = next(line for line in fit.lines if line.get_label().startswith("one: "))
    assert np.ptp(line.get_ydata()) == pytest.approx(2 * np.ptp(line.get_xdata()))
    assert line.get_ydata()[0] == pytest.approx(1 + 2 * line.get_xdata()[0])
