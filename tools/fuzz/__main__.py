"""Make many random calls, and print those that do not end as they must.

Run it as ``python -m tools.fuzz --calls 100000 --seed 0``. A seed and a number identify each call.
"""

import argparse
import sys
import warnings
from collections.abc import Iterator, Sequence
from time import monotonic
from typing import Any

import numpy as np

from fastloss._rules.options import CALLS
from fastloss.losses import shipped
from tests.reference import different_in_kind
from tools.fuzz.calls import Call, call_of
from tools.fuzz.judge import complaint


def complaints(
    seed: int, numbers: Sequence[int], losses: Sequence[str], calls: Sequence[str] = tuple(CALLS)
) -> Iterator[tuple[int, Call, str]]:
    """Yield the calls of these numbers that end wrongly, and how they end."""
    for number in numbers:
        call = call_of(np.random.default_rng([seed, number]), losses, calls)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = complaint(call)
        if found is not None:
            yield number, call, found


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line; return 1 if a call ended wrongly."""
    parser = argparse.ArgumentParser(prog="python -m tools.fuzz", description=__doc__)
    parser.add_argument("--calls", type=int, default=10_000, help="number of calls")
    parser.add_argument("--first", type=int, default=0, help="number of the first call")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--losses", nargs="*", help="names of losses, or all; default one of each kind")
    options = parser.parse_args(argv)
    losses = list(shipped()) if options.losses == ["all"] else options.losses or different_in_kind()
    begun, wrong = monotonic(), 0
    numbers = range(options.first, options.first + options.calls)
    for number, call, found in complaints(options.seed, numbers, losses):
        wrong += 1
        print(f"--seed {options.seed} --first {number} --calls 1: {call.loss} {call.call} {found}"[:1000])
        print(f"    {_shown(call)}"[:1500], flush=True)
    print(f"{options.calls} calls of {', '.join(losses)}, {wrong} wrong, in {monotonic() - begun:.0f} s")
    return min(wrong, 1)


def _shown(call: Call) -> str:
    def one(value: Any) -> str:
        try:
            text = " ".join(repr(value).split())
        except Exception:
            text = type(value).__name__
        return f"{text} {value.dtype} {value.strides}" if isinstance(value, np.ndarray) else text

    return ", ".join(f"{name}={one(value)}" for name, value in call.arguments().items())


if __name__ == "__main__":
    sys.exit(main())
