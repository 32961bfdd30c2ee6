"""The regression check: ``python -m benchmarks.regressions BASE [HEAD]`` compares two commits.

asv builds both and installs each in an environment of its own. Then they run in turn, so that a
machine which others slow down slows both: in each round every watched point is measured once on
each side, in a fresh process, as a fraction of a yardstick that runs in turn with it. The verdict
is on the median over the rounds of HEAD's fraction to BASE's. The status is 1 where a point of
HEAD takes 1.15 times as long or more.

It takes two to three minutes, and one more where asv has yet to make the environments.
"""

import argparse
import re
import sys
from statistics import median

from benchmarks.points import WATCHED, Point

ALLOWED = 1.15  # times as long
# The same commit's ratios scatter by a tenth from one pair of processes to the next. So after three
# rounds only the points whose median does not look fast enough are measured, six times more.
ROUNDS, MORE = 3, 6
SUSPECT = 0.97
BENCHMARK = "throughput.Ceiling.track_fraction"
DESCRIPTION = "Compare the speed of two commits; the status is 1 where HEAD is slower by 15 % or more."


class Side:
    """A commit installed in an environment of its own."""

    def __init__(self, name: str, commit: str) -> None:
        # Here, because asv imports this module where asv itself is not installed.
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

    def fractions(self, points: list[Point]) -> list[float]:
        """Each point's speed as a fraction of its yardstick's, measured once in a fresh process."""
        from asv.benchmarks import Benchmarks
        from asv.runner import run_benchmarks

        names = [repr(str(point)) for point in points]
        chosen = Benchmarks(self.settings, [self.benchmark], "|".join(map(re.escape, names)))
        results = run_benchmarks(chosen, self.environment, show_stderr=True, launch_method="spawn")
        params = self.benchmark["params"]
        values = dict(zip(*params, results.get_result_value(BENCHMARK, params), strict=True))
        failed = [name for name in names if not values[name]]
        if failed:
            sys.exit(f"{self.commit[:8]}: failed at {', '.join(failed)}")
        return [values[name] for name in names]


def compare(base: Side, head: Side) -> dict[Point, float]:
    """How many times as fast as BASE each watched point of HEAD is: the median of the rounds."""
    ratios: dict[Point, list[float]] = {point: [] for point in WATCHED}
    for k in range(ROUNDS + MORE):
        suspects = [point for point, found in ratios.items() if k < ROUNDS or median(found) < SUSPECT]
        if not suspects:
            break
        print(f"round {k + 1}: {len(suspects)} points", file=sys.stderr, flush=True)
        first, second = (base, head) if k % 2 == 0 else (head, base)
        fractions = {first: first.fractions(suspects), second: second.fractions(suspects)}
        for point, before, after in zip(suspects, fractions[base], fractions[head], strict=True):
            ratios[point].append(after / before)
    return {point: median(found) for point, found in ratios.items()}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.regressions", description=DESCRIPTION)
    parser.add_argument("base", metavar="BASE", help="the commit to compare with")
    parser.add_argument("head", metavar="HEAD", nargs="?", default="HEAD", help="the commit to judge")
    options = parser.parse_args(arguments)
    slower = 0
    speeds = compare(Side("base", options.base), Side("head", options.head))
    for point, speed in speeds.items():
        verdict = "SLOWER" if speed <= 1 / ALLOWED else ""
        slower += bool(verdict)
        print(f"{speed:6.2f} x  {point!s:58} {verdict}".rstrip())
    print(f"{slower} of {len(WATCHED)} points are slower by {ALLOWED - 1:.0%} or more")
    return 1 if slower else 0


if __name__ == "__main__":
    sys.exit(main())
