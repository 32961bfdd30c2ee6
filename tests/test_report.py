"""The peers give fastloss's numbers, and the report is made of what was measured."""

import json
from pathlib import Path

import numpy as np
import pytest

import fastloss
from benchmarks import adaptive, comparison, figures, operands, peers, pictures, report

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("size", [1, 1000, peers.SMALL + 1, 3 * peers.BLOCK + 5])
@pytest.mark.parametrize("name", list(peers.PEERS))
@pytest.mark.filterwarnings("ignore")  # of other libraries
def test_peers_give_our_numbers(name, size, monkeypatch):
    if name not in peers.makers():
        pytest.skip(f"{name} can't be used here")
    monkeypatch.setattr(peers, "PEERS", {key: peers.PEERS[key] for key in ("fastloss", name)})
    pred, target = 2 * np.random.default_rng(0).standard_normal((2, size), np.float32)
    assert list(peers.contenders(pred, target, 0.7)) == list(peers.PEERS)


@pytest.mark.parametrize(("value", "grad"), [(1.001, 1.0), (1.0, 1.001)])
def test_a_peer_with_other_numbers_is_not_timed(value, grad, monkeypatch):
    def wrong(pred, target, delta):
        ours = peers.usual_numpy(pred, target, delta)()
        return lambda: (value * ours[0], grad * ours[1])

    monkeypatch.setitem(peers.PEERS, "wrong", (wrong, "numpy"))
    monkeypatch.setattr(peers, "PEERS", {key: peers.PEERS[key] for key in ("fastloss", "wrong")})
    pred, target = np.random.default_rng(0).standard_normal((2, 100), np.float32)
    with pytest.raises((ArithmeticError, AssertionError), match="wrong"):
        peers.contenders(pred, target, 1.0)


def test_a_peer_whose_library_is_missing_is_left_out(monkeypatch):
    monkeypatch.setitem(peers.PEERS, "missing", (peers.usual_numpy, "no_library_of_this_name"))
    assert "missing" not in peers.makers()
    assert {"fastloss", "NumPy, usual lines", "NumPy, best form"} <= set(peers.makers())


def test_every_figure_is_measured(monkeypatch):
    for module, name, value in (
        (figures, "LARGE", 1 << 12),
        (figures, "EXACT", 1 << 12),
        (figures, "PROCESSES", 1),
        (operands, "SIZE", 1 << 12),
        (operands, "ROWS", 1 << 10),
        (operands, "SIDES", (64, 128)),
        (adaptive, "SIZE", 1 << 12),
    ):
        assert type(getattr(module, name)) is type(value)
        monkeypatch.setattr(module, name, value)
    table = list(figures.measured())
    assert len(table) > 20
    assert {figure.what: figure.measured for figure in table}[
        "mean of 4096 elements against math.fsum"
    ] == "0.0e+00 relative"


@pytest.fixture
def small_report(tmp_path, monkeypatch):
    """Where the report goes that is measured at tiny sizes, with figures that are given."""
    (tmp_path / "benchmarks").mkdir()
    readme = "before\n<!-- python -m benchmarks.report -->\nold\n<!-- end -->\nafter\n"
    (tmp_path / "README.md").write_text(readme)
    monkeypatch.setattr(report, "ROOT", tmp_path)
    monkeypatch.setattr(report, "BARS", {100: "100", 1000: "1000"})
    monkeypatch.setattr(comparison, "SIZES", [100, 1000])
    monkeypatch.setattr(peers, "PEERS", {name: peers.PEERS[name] for name in list(peers.PEERS)[:3]})
    table = [figures.Figure("speed", "2 x", ">= 1 x", True), figures.Figure("time", "2 s", "<= 1 s", False)]
    monkeypatch.setattr(figures, "measured", lambda: iter(table))
    return tmp_path


def test_report_makes_pictures_and_tables_of_what_was_measured(small_report, capsys, monkeypatch):
    pytest.importorskip("matplotlib")
    assert report.main([]) == 0
    results = json.loads((small_report / "benchmarks/report.json").read_text())
    assert set(results["speeds"]) == {"100", "1000"}
    assert set(results["speeds"]["100"]) == {*peers.PEERS, comparison.CEILING}
    assert all(speed["GB/s"] > 0 for speed in results["speeds"]["1000"].values())
    readme = (small_report / "README.md").read_text()
    assert readme.startswith("before\n<!-- python -m benchmarks.report -->\n![")
    assert readme.endswith("\n<!-- end -->\nafter\n")
    assert "old" not in readme
    assert "| speed | 2 x | >= 1 x | yes |" in readme
    assert "| time | 2 s | <= 1 s | NO |" in readme
    ratio = results["speeds"]["1000"]["NumPy, best form"]["fastloss is faster"]
    assert f"{pictures.short(ratio)} x |\n| g = p - t" in readme
    assert report.section(results) in capsys.readouterr().out
    drawn = [(small_report / f"benchmarks/{name}.svg").read_text() for name in ("throughput", "ratios")]
    assert all("NumPy, best form" in picture for picture in drawn)

    monkeypatch.setattr(comparison, "speeds", None)  # nothing is measured again
    assert report.main(["--again"]) == 0
    assert (small_report / "README.md").read_text() == readme
    assert [
        (small_report / f"benchmarks/{name}.svg").read_text() for name in ("throughput", "ratios")
    ] == drawn


def test_the_readme_shows_the_results_that_are_kept():
    results = json.loads((ROOT / report.RESULTS).read_text())
    assert report.SECTION.search((ROOT / "README.md").read_text()).group() == report.section(results)
    assert f"fastloss {fastloss.__version__}" in results["machine"]
    assert set(results["speeds"]) == set(map(str, comparison.SIZES))
    assert set(results["speeds"]["1000"]) == {*peers.PEERS, comparison.CEILING}
