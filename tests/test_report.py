"""The peers give the same numbers as fastloss, and the report shows what was measured."""

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import fastloss
from benchmarks import adapters, comparison, figures, peers, pictures, report
from benchmarks.goals import Figure

ROOT = Path(__file__).parent.parent
FILES = ("README.md", "docs/speed.md", "benchmarks/README.md")


@pytest.mark.parametrize("size", [1, 1000, peers.SMALL + 1, 3 * peers.BLOCK + 5])
@pytest.mark.parametrize("name", list(peers.PEERS))
@pytest.mark.filterwarnings("ignore")  # warnings of other libraries
def test_peers_give_our_numbers(name, size, monkeypatch, capsys):
    if find_spec(peers.PEERS[name][1]) is None:
        pytest.skip(f"{peers.PEERS[name][1]} is not installed")
    monkeypatch.setattr(peers, "PEERS", {name: peers.PEERS[name]})
    pred, target = 2 * np.random.default_rng(0).standard_normal((2, size), np.float32)
    assert names_of(peers.contenders(pred, target, 0.7)) == ["fastloss", name], capsys.readouterr().err


def names_of(contenders):
    return [name for name, _ in contenders]


@pytest.mark.parametrize(("value", "grad"), [(1.001, 1.0), (1.0, 1.001)])
def test_a_peer_with_other_numbers_is_left_out(value, grad, monkeypatch, capsys):
    def wrong(pred, target, delta):
        ours = peers.usual_numpy(pred, target, delta)()
        return lambda: (value * ours[0], grad * ours[1])

    monkeypatch.setattr(peers, "PEERS", {"wrong": (wrong, "numpy"), "usual": (peers.usual_numpy, "numpy")})
    pred, target = np.random.default_rng(0).standard_normal((2, 100), np.float32)
    assert names_of(peers.contenders(pred, target, 1.0)) == ["fastloss", "usual"]
    assert "wrong is left out" in capsys.readouterr().err


def test_a_peer_whose_library_is_missing_is_left_out(monkeypatch, capsys):
    monkeypatch.setattr(peers, "PEERS", {"missing": (peers.usual_numpy, "no_library_of_this_name")})
    assert names_of(peers.contenders(*np.ones((2, 5), np.float32), 1.0)) == ["fastloss"]
    assert "missing is left out: no_library_of_this_name is not installed" in capsys.readouterr().err


@pytest.fixture
def small_report(tmp_path, monkeypatch):
    """A folder for a report that is measured at tiny sizes, with fixed figures."""
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "docs").mkdir()
    for path in FILES:
        text = "before\n<!-- python -m benchmarks.report -->\nold\n<!-- end -->\nafter\n"
        (tmp_path / path).write_text(text)
    monkeypatch.setattr(report, "ROOT", tmp_path)
    monkeypatch.setattr(comparison, "SIZES", {100: "100", 1000: "1000"})
    monkeypatch.setattr(peers, "PEERS", {name: peers.PEERS[name] for name in list(peers.PEERS)[:2]})
    table = [Figure("speed", "2 x", ">= 1 x", True), Figure("time", "2 s", "<= 1 s", False)]
    monkeypatch.setattr(figures, "measured", lambda: iter(table))
    return tmp_path


def test_report_makes_pictures_and_tables_of_what_was_measured(small_report, capsys, monkeypatch):
    assert report.main([]) == 0
    results = json.loads((small_report / "benchmarks/report.json").read_text())
    assert set(results["speeds"]) == {"100", "1000"}
    for found in results["speeds"].values():
        assert set(found["speedup"]) == {*peers.PEERS, comparison.CEILING}
        assert all(x == float(f"{x:.3g}") for x in (found["GB/s"], *found["speedup"].values()))
    written = [(small_report / path).read_text() for path in FILES]
    printed = capsys.readouterr().out
    for path, text in zip(FILES, written, strict=True):
        assert text.startswith("before\n<!-- python -m benchmarks.report -->\n")
        assert text.endswith("\n<!-- end -->\nafter\n")
        assert "old" not in text
        assert report.sections(results)[path] in text
        assert report.sections(results)[path] in printed
        assert (results["machine"] in text) == (path != "README.md")
    readme, speed, page = written
    assert "NumPy, best form" in speed
    assert "2 x" not in readme
    for row in ("| speed | 2 x | >= 1 x | yes |", "| time | 2 s | <= 1 s | NO |"):
        assert row in page
        assert row not in readme + speed
    drawn = [(small_report / f"benchmarks/{name}.svg").read_text() for name in ("throughput", "ratios")]
    assert all("NumPy, best form" in picture for picture in drawn)

    monkeypatch.setattr(comparison, "speeds", None)  # nothing is measured again
    assert report.main(["--again"]) == 0
    assert [(small_report / path).read_text() for path in FILES] == written
    again = [(small_report / f"benchmarks/{name}.svg").read_text() for name in ("throughput", "ratios")]
    assert again == drawn


SPEEDS = {
    "100": {"GB/s": 8.0, "speedup": {"A": 4.0, comparison.CEILING: 0.5}},
    "1000": {"GB/s": 10.0, "speedup": {"A": 125.4, "B": 2.0, comparison.CEILING: 0.25}},
}


def test_the_page_shows_what_was_measured_of_adapters(small_report, ticking, monkeypatch, capsys):
    def slow():
        yield adapters.Comparison("a task", "the other", ticking(2e-3), ticking(3e-3), 3, 2)

    def fast():
        yield adapters.Comparison("another task", "the same", ticking(1e-3), ticking(4e-3), 3, 4)

    monkeypatch.setattr(adapters, "ADAPTERS", {"slow": slow, "fast": fast})
    results = {"machine": "a machine", "speeds": SPEEDS, "figures": []}
    monkeypatch.setattr(report, "measured", lambda: results)
    page = small_report / "benchmarks/README.md"
    assert report.main([]) == 0
    assert adapters.main([]) == adapters.main(["fast"]) == report.main([]) == 0
    text = page.read_text()
    assert text.count("| a task | the other | 2 ms | 3 ms | 1.50 x | >= 2 x | NO |") == 1
    assert text.count("| another task | the same | 1 ms | 4 ms | 4.00 x | >= 4 x | yes |") == 1
    assert "task" not in (small_report / "README.md").read_text()
    with pytest.raises(SystemExit, match="2"):
        adapters.main(["slow", "fats"])
    assert "unknown adapters fats, expected some of slow, fast" in capsys.readouterr().err


def test_table_of_peers(monkeypatch):
    monkeypatch.setattr(comparison, "SIZES", {100: "100", 1000: "1000"})
    assert report.beside(SPEEDS)[2:] == [
        "| A | 4 x | 130 x |",
        "| g = p - t | 0.5 x | 0.25 x |",
        "| B | n/a | 2 x |",
    ]


def test_the_readme_names_three_peers_at_a_large_size():
    speeds = {
        str(report.LARGE): {"GB/s": 1.0, "speedup": dict(zip(report.NAMED, (23.1, 16, 7.52), strict=True))}
    }
    said = (
        "23 times as fast as the usual NumPy code, 16 times as fast as SciPy, 7.5 times as fast as PyTorch."
    )
    assert report.named(speeds).endswith(said)


def test_pictures_show_the_speeds():
    names = ["A", "B", comparison.CEILING]
    (axes,) = pictures.throughput(SPEEDS, names).axes
    lines = {line.get_label(): list(line.get_ydata()) for line in axes.lines}
    assert lines.pop("B")[1:] == [5.0]
    assert lines == {"fastloss": [8, 10], "A": [2, 10 / 125.4], "g = p - t alone, the ceiling": [16, 40]}
    assert all(list(line.get_xdata()) == [100, 1000] for line in axes.lines)
    (axes,) = pictures.ratios({"10^2": SPEEDS["100"], "10^3": SPEEDS["1000"]}, names).axes
    widths = [[bar.get_width() for bar in bars] for bars in axes.containers]
    assert widths[0][0] == 4.0
    assert widths[1] == [125.4, 2.0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["A", "B"]
    assert [text.get_text() for text in axes.texts] == ["4", "", "130", "2"]


def test_speeds_are_ratios_of_bytes_and_seconds(ticking, monkeypatch):
    calls = [("fastloss", ticking(1e-6)), ("slow", ticking(3e-6))]
    monkeypatch.setattr(peers, "contenders", lambda *_, delta: iter(calls))
    monkeypatch.setattr(comparison.yardsticks, "ceiling", lambda *_: ticking(0.5e-6))
    found = comparison.speeds(1000)
    assert found["GB/s"] == pytest.approx(12)
    assert found["speedup"] == pytest.approx({"slow": 3, comparison.CEILING: 0.5})


def test_the_machine_line_names_packages_by_their_versions(monkeypatch):
    monkeypatch.setattr(report, "version", lambda package: f"<{package}>")
    for name, package in report.LIBRARIES.items():
        assert f"{name} <{package}>" in report.machine()
    libraries = {"fastloss", "numba", *(library for _, library in peers.PEERS.values())}
    assert {package.replace("scikit-learn", "sklearn") for package in report.LIBRARIES.values()} == libraries


def test_pages_show_the_results_that_are_kept():
    results = json.loads((ROOT / report.RESULTS).read_text())
    found = report.sections(results)
    assert tuple(found) == FILES
    for path, text in found.items():
        assert report.SECTION.search((ROOT / path).read_text()).group() == text
    assert f"fastloss {fastloss.__version__}" in results["machine"]
    assert set(results["speeds"]) == set(map(str, comparison.SIZES))
    assert report.names(results["speeds"]) == [*peers.PEERS, comparison.CEILING]
    assert len(results["figures"]) >= 56


def test_goals_stand_on_the_page_that_the_others_name():
    for path, link in {
        "docs/speed.md": "`benchmarks/README.md`",
        "CONTRIBUTING.md": "](benchmarks/README.md)",
    }.items():
        text = (ROOT / path).read_text()
        assert link in text
        assert "| reached |" not in text
    assert "| reached |" not in (ROOT / "README.md").read_text()
    assert "| reached |" in (ROOT / report.PAGE).read_text()
