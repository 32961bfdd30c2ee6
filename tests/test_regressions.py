"""The verdict of the regression check on scripted measurements, and one side that asv builds."""

from itertools import count, cycle
from pathlib import Path

import pytest

from benchmarks import regressions
from benchmarks.points import WATCHED, Point, points

ROOT = Path(__file__).parent.parent


class Scripted:
    """A side whose speeds are 0.5, except at one point, where scripted ratios multiply it round by round."""

    def __init__(self, point: Point | None = None, ratios: tuple[float, ...] = (1.0,)) -> None:
        self.point, self.script = point, cycle(ratios)
        self.asked: list[list[Point]] = []

    def versions(self) -> str:
        return "Numba 0"

    def speeds(self, points: list[Point]) -> list[float]:
        self.asked.append(points)
        return [0.5 * (next(self.script) if point == self.point else 1) for point in points]


def verdict(monkeypatch, head):
    sides = {"base": Scripted(), "head": head}
    monkeypatch.setattr(regressions, "Side", lambda name, commit: sides[name])
    return regressions.main(["A", "B"])


@pytest.mark.parametrize("point", WATCHED)
@pytest.mark.parametrize("ratio", [0.3, 1 / 1.15])
def test_a_slower_point_raises_the_alarm(point, ratio, monkeypatch, capsys):
    assert verdict(monkeypatch, Scripted(point, (ratio,))) == 1
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.endswith("SLOWER"))
    assert str(point) in line


@pytest.mark.parametrize(
    "ratios", [(1,), (4,), (0.91,), (1, 0.2), (0.82,) * 7 + (1.05,) * 8, (0.7, 0.7, 0.9) + (1.05,) * 12]
)
def test_noise_and_gains_raise_no_alarm(ratios, monkeypatch, capsys):
    assert verdict(monkeypatch, Scripted(WATCHED[2], ratios)) == 0
    assert "SLOWER" not in capsys.readouterr().out


@pytest.mark.parametrize(("ratio", "more"), [(1.0, 0), (0.98, 0), (0.95, regressions.MORE), (0.7, 0)])
def test_only_doubtful_points_are_measured_again(ratio, more, monkeypatch):
    head = Scripted(WATCHED[3], (ratio,))
    verdict(monkeypatch, head)
    assert head.asked == [WATCHED] * regressions.ROUNDS + [[WATCHED[3]]] * more


def test_a_doubtful_point_is_measured_until_its_median_is_fast():
    head = Scripted(WATCHED[3], (0.95, 0.95, 0.95, 1, 1, 1, 1))
    regressions.compare(Scripted().speeds, head.speeds)
    assert len(head.asked) == 6


def test_sides_alternate_and_a_machine_that_slows_down_slows_both():
    clock = count(start=100, step=-1)
    calls = ""

    def side(name):
        def speeds(points):
            nonlocal calls
            calls += name
            return [next(clock) / 100] * len(points)

        return speeds

    ratios = regressions.compare(side("b"), side("h"))
    assert calls.startswith("bhhbbh")
    assert all(0.98 < ratio < 1.02 for ratio in ratios.values())


def test_sides_with_other_versions_are_not_compared(monkeypatch, capsys):
    head = Scripted()
    head.versions = lambda: "Numba 1"
    with pytest.raises(SystemExit, match="2"):
        verdict(monkeypatch, head)
    assert "Numba 1" in capsys.readouterr().err


def test_the_watched_points_are_of_the_suite():
    assert len(WATCHED) <= 8
    assert set(WATCHED) <= set(points())


def test_a_side_is_built_and_measured(monkeypatch, capsys):
    """asv builds the side in its own environment, which needs the network and, the first time, a minute."""
    pytest.importorskip("asv")
    monkeypatch.chdir(ROOT)
    side = regressions.Side("test", "HEAD")
    (speed,) = side.speeds([WATCHED[2]])
    assert 0 < speed < 10
    assert side.versions().startswith("Numba 0.")
    monkeypatch.setenv("PYTHONHOME", "/nowhere")  # no Python can start there
    with pytest.raises(SystemExit, match="2"):
        side.speeds([WATCHED[2]])
    assert "failed at" in capsys.readouterr().err
