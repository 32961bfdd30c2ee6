"""The verdict of the regression check on scripted measurements, and one side as asv builds it."""

from itertools import cycle
from pathlib import Path

import pytest

from benchmarks import regressions
from benchmarks.points import WATCHED, Point, points

ROOT = Path(__file__).parent.parent


class Scripted:
    """A side whose fractions are 0.5 but for one point's, round by round."""

    def __init__(self, point: Point | None = None, fractions: tuple[float, ...] = (0.5,)) -> None:
        self.point, self.script = point, cycle(fractions)
        self.asked: list[list[Point]] = []

    def fractions(self, points: list[Point]) -> list[float]:
        self.asked.append(points)
        return [next(self.script) if point == self.point else 0.5 for point in points]


def verdict(monkeypatch, head):
    sides = {"base": Scripted(), "head": head}
    monkeypatch.setattr(regressions, "Side", lambda name, commit: sides[name])
    return regressions.main(["A", "B"])


@pytest.mark.parametrize("point", WATCHED)
@pytest.mark.parametrize("factor", [0.3, 1 / 1.16])
def test_a_slower_point_raises_the_alarm(point, factor, monkeypatch, capsys):
    assert verdict(monkeypatch, Scripted(point, (0.5 * factor,))) == 1
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.endswith("SLOWER"))
    assert str(point) in line


@pytest.mark.parametrize(
    "fractions", [(0.5,), (2.0,), (0.5 / 1.14,), (0.5, 0.1), (0.4, 0.4, 0.4, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5)]
)
def test_noise_and_gains_do_not(fractions, monkeypatch, capsys):
    assert verdict(monkeypatch, Scripted(WATCHED[2], fractions)) == 0
    assert "SLOWER" not in capsys.readouterr().out


def test_only_suspects_are_measured_again(monkeypatch):
    head = Scripted(WATCHED[3], (0.48,))
    verdict(monkeypatch, head)
    assert head.asked == [WATCHED] * regressions.ROUNDS + [[WATCHED[3]]] * regressions.MORE
    head = Scripted()
    verdict(monkeypatch, head)
    assert head.asked == [WATCHED] * regressions.ROUNDS


def test_the_watched_points_are_of_the_suite():
    assert len(WATCHED) <= 8
    assert set(WATCHED) <= set(points())


def test_a_side_is_built_and_measured(monkeypatch):
    """By asv in an environment of its own: takes the network, and a minute the first time."""
    pytest.importorskip("asv")
    monkeypatch.chdir(ROOT)
    side = regressions.Side("base", "HEAD")
    (fraction,) = side.fractions([WATCHED[2]])
    assert 0 < fraction < 10
    monkeypatch.setenv("PYTHONHOME", "/nowhere")  # where no Python can start
    with pytest.raises(SystemExit, match="failed at"):
        side.fractions([WATCHED[2]])
