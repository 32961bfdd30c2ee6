"""The regression check: ``python -m benchmarks.regressions BASE [HEAD]`` compares two commits.

asv builds both and installs each in an environment of its own. Then they run in turn, so that a
machine which others slow down slows both: in each round every watched point is measured once on
each side, in a fresh process, as a fraction of a yardstick that runs in turn with it. The verdict
is on the median over the rounds of HEAD's fraction to BASE's. The status is 1 where a point of
HEAD takes 1.15 times as long or more.

It takes about three minutes on two cores, and one more where asv has not made its environments.
"""

import argparse
import re
import sys
from statistics import median

from benchmarks.points import WATCHED, Point

ALLOWED = 1.15  # times as long
ROUNDS = 5
DESCRIPTION = "Compare the speed of two commits; the status is 1 where HEAD is slower by 15 % or more."


class Side:
    """A commit installed in an environment of its own."""

    def __init__(self, name: str, commit: str) -> None:
        # Here, because asv imports this module where asv itself is not installed.
        from asv.benchmarks import Benchmarks
        from asv.config import Config
        from asv.environment import get_environments
        from asv.repo import get_repo

        settings = Config.load("asv.conf.json")
        settings.env_dir = f".asv/{name}"
        repository = get_repo(settings)
        self.commit = repository.get_hash_from_name(commit)
        (self.environment,) = get_environments(settings, None)
        self.environment.create()
        self.environment.install_project(settings, repository, self.commit)
        watched = "|".join(re.escape(repr(str(point))) for point in WATCHED)
        self.benchmarks = Benchmarks.discover(
            settings,
            repository,
            [self.environment],
            [self.commit],
            rf"Ceiling\.track_fraction\(({watched})\)",
        )

    def fractions(self) -> dict[Point, float]:
        """Each watched point's speed as a fraction of its yardstick's, measured once in a fresh process."""
        from asv.runner import run_benchmarks

        ((name, benchmark),) = self.benchmarks.items()
        results = run_benchmarks(self.benchmarks, self.environment, show_stderr=True, launch_method="spawn")
        values = dict(
            zip(*benchmark["params"], results.get_result_value(name, benchmark["params"]), strict=True)
        )
        failed = [str(point) for point in WATCHED if not values[repr(str(point))]]
        if failed:
            sys.exit(f"{self.commit[:8]}: failed at {', '.join(failed)}")
        return {point: values[repr(str(point))] for point in WATCHED}


def compare(base: str, head: str, rounds: int = ROUNDS) -> dict[Point, float]:
    """How many times as fast as BASE each watched point of HEAD is: the median of the rounds."""
    sides = Side("base", base), Side("head", head)
    found: dict[Point, list[float]] = {point: [] for point in WATCHED}
    for k in range(rounds):
        order = sides if k % 2 == 0 else sides[::-1]
        fractions = {side: side.fractions() for side in order}
        for point, ratios in found.items():
            ratios.append(fractions[sides[1]][point] / fractions[sides[0]][point])
    return {point: median(ratios) for point, ratios in found.items()}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.regressions", description=DESCRIPTION)
    parser.add_argument("base", metavar="BASE", help="the commit to compare with")
    parser.add_argument("head", metavar="HEAD", nargs="?", default="HEAD", help="the commit to judge")
    options = parser.parse_args(arguments)
    slower = 0
    for point, speed in compare(options.base, options.head).items():
        verdict = "SLOWER" if speed <= 1 / ALLOWED else ""
        slower += bool(verdict)
        print(f"{speed:6.2f} x  {str(point):58} {verdict}".rstrip())
    print(f"{slower} of {len(WATCHED)} points are slower by {ALLOWED - 1:.0%} or more")
    return 1 if slower else 0


if __name__ == "__main__":
    sys.exit(main())
