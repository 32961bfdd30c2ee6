"""The regression check: ``python -m benchmarks.regressions BASE [HEAD]`` compares two commits.

asv builds both and installs each in an environment of its own. Uncommitted changes of the package are not
measured. The sides run in turn, so that other work on the machine slows down both. In each round every
watched point is measured once on each side, in a fresh process, in turn with a yardstick. The verdict is on
the median over the rounds of the ratio of HEAD's speed to BASE's. The status is 1 if HEAD is slower, and 2 if
that cannot be determined.

It takes one to four minutes, and one more if asv has yet to make the environments.
"""

import argparse
import re
import sys
from collections.abc import Callable
from statistics import median
from typing import NoReturn

from benchmarks.points import WATCHED, Point

# A regression of 15 % is a ratio of 0.87. The ratios of a commit to itself vary by up to 0.08 from one pair
# of processes to the next, and their medians over all rounds by 0.03. So the alarm is raised below 0.9.
ALARM = 0.9
# After three rounds only those points are measured that seem neither fast enough nor clearly slow.
ROUNDS, MORE = 3, 12
FAST, CLEARLY_SLOW = 0.97, 0.8
BENCHMARK = "throughput.Relative.track_speed"
DESCRIPTION = "Compare the speed of two commits. Status 1: HEAD is slower by 15 %; 2: this cannot be told."

Measure = Callable[[list[Point]], list[float]]


class Side:
    """A commit installed in an environment of its own."""

    def __init__(self, name: str, commit: str) -> None:
        # Imported here, because asv imports this module in environments without asv.
        from asv.benchmarks import Benchmarks
        from asv.config import Config
        from asv.environment import get_environments
        from asv.repo import get_repo

        self.settings = Config.load("asv.conf.json")
        self.settings.env_dir = f".asv/{name}"
        repository = get_repo(self.settings)
        self.commit = repository.get_hash_from_name(commit)
        (self.environment,) = get_environments(self.settings, None)
        self.environment.create()
        self.environment.install_project(self.settings, repository, self.commit)
        found = Benchmarks.discover(self.settings, repository, [self.environment], [self.commit])
        self.benchmark = found[BENCHMARK]

    def versions(self) -> str:
        """The versions of the libraries on which the speed depends too."""
        program = "import numba, numpy; print('Numba', numba.__version__, 'NumPy', numpy.__version__)"
        return str(self.environment.run(["-c", program])).strip()

    def speeds(self, points: list[Point]) -> list[float]:
        """The speed of each point relative to its yardstick, measured once in a fresh process."""
        from asv.benchmarks import Benchmarks
        from asv.runner import run_benchmarks

        names = [repr(str(point)) for point in points]
        chosen = Benchmarks(self.settings, [self.benchmark], "|".join(map(re.escape, names)))
        results = run_benchmarks(chosen, self.environment, show_stderr=True, launch_method="spawn")
        params = self.benchmark["params"]
        values = dict(zip(*params, results.get_result_value(BENCHMARK, params), strict=True))
        failed = [name for name in names if not (values[name] or 0) > 0]  # None or NaN
        if failed:
            give_up(f"{self.commit[:8]} failed at {', '.join(failed)}")
        return [values[name] for name in names]


def compare(base: Measure, head: Measure) -> dict[Point, float]:
    """How many times as fast as BASE each watched point of HEAD is, as the median of the rounds."""
    ratios: dict[Point, list[float]] = {point: [] for point in WATCHED}
    for k in range(ROUNDS + MORE):
        points = [point for point, found in ratios.items() if k < ROUNDS or undecided(found)]
        if not points:
            break
        print(f"round {k + 1}: {len(points)} points", file=sys.stderr, flush=True)
        if k % 2 == 0:
            before, after = base(points), head(points)
        else:
            after, before = head(points), base(points)
        for point, x, y in zip(points, before, after, strict=True):
            ratios[point].append(y / x)
    return {point: median(found) for point, found in ratios.items()}


def undecided(ratios: list[float]) -> bool:
    return median(ratios) < FAST and max(ratios) > CLEARLY_SLOW


def give_up(why: str) -> NoReturn:
    print(why, file=sys.stderr)
    sys.exit(2)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.regressions", description=DESCRIPTION)
    parser.add_argument("base", metavar="BASE", help="the commit to compare with")
    parser.add_argument("head", metavar="HEAD", nargs="?", default="HEAD", help="the commit to judge")
    options = parser.parse_args(arguments)
    base, head = Side("base", options.base), Side("head", options.head)
    if base.versions() != head.versions():
        give_up(f"BASE has {base.versions()}, HEAD {head.versions()}: remove .asv/base and .asv/head")
    slower = 0
    for point, speed in compare(base.speeds, head.speeds).items():
        slower += speed < ALARM
        print(f"{speed:6.2f} x  {point!s:58} {'SLOWER' if speed < ALARM else ''}".rstrip())
    print(f"{slower} of {len(WATCHED)} points are slower")
    return 1 if slower else 0


if __name__ == "__main__":
    sys.exit(main())
