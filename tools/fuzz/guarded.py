"""Make calls whose arrays are next to inaccessible memory, and print the first that goes wrong.

A page without access follows the last byte of every operand and output, or precedes its first one, so that a
call which reads or writes one element too many is killed. A round makes a call of every size. After 66 rounds
every operand and output has had every layout at every size next to both pages, in calls that are computed as
usual, with stores past the caches, and by two threads. Everything else is random.
"""

import argparse
import signal
import subprocess
import sys
import tempfile
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path
from time import monotonic
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np

from fastloss._cpu import launch, plain, threads
from fastloss._cpu.streaming import Choice, Way
from fastloss._formula.sum import BAND, CHUNK, ROW
from tools.fuzz.given import Array
from tools.fuzz.rooms import Room
from tools.fuzz.scenes import Made, Scene, made

#: All sizes up to four rows, and those around more rows, bands and chunks.
SIZES = sorted(
    {*range(2_101)}
    | {
        each * many + beside
        for each, most in ((ROW, 10), (BAND, 4), (CHUNK, 4))
        for many in range(1, most)
        for beside in (-17, -1, 0, 1, 17)
    }
)
#: Around the sizes from which calls use two threads and write outputs past the caches.
LARGE = [size + beside for size in (1 << 21, 1 << 22) for beside in (-1, 0, 1)]
_CALLS = 3  # of each scene: the first is checked, the second remembered, the third takes a short path


class Streaming(Choice):
    """Always write past the caches."""

    def way(self) -> Way:
        """Return the way to write outputs."""
        return "stream"


#: The attributes to patch for each way to compute a scene.
WAYS: list[dict[ModuleType, dict[str, Any]]] = [
    {},
    {
        launch: {"STREAMED_FROM": 1, "PARALLEL_FROM": 1 << 62, "choices": defaultdict(Streaming)},
        plain: {"STREAMED_FROM": 1},
    },
    {launch: {"PARALLEL_FROM": 0}, threads: {"threads": lambda: 2}},
]


def scenes(seed: int, rounds: range, sizes: Sequence[int] | None, few: bool) -> Iterator[Scene]:
    """Yield the scenes of these rounds. Some rounds with the usual way of computing have large ones too."""
    for each in rounds:
        way = Scene(seed, each, 0, few).way
        # Two threads do not share one chunk, and would spin at every small call.
        usual = [size for size in SIZES if way != 2 or size > CHUNK] + (LARGE if each % 12 in (0, 3) else [])
        for size in usual if sizes is None else sizes:
            yield Scene(seed, each, size, few)


def complaint(scene: Scene, rooms: dict[str, Room]) -> str | None:
    """What is wrong with the results of a scene's call or the memory around its arrays, or None."""
    call = made(scene, rooms)
    operands = {name: np.array(x, x.dtype.newbyteorder("=")) for name, x in call.operands.items()}
    used = {name: room for name, room in rooms.items() if name in call.operands | call.outputs}
    around = {name: room.near.copy() for name, room in used.items()}
    outputs = {name: x.copy("K") for name, x in call.outputs.items()}
    every = []
    for _ in range(_CALLS if scene.size <= SIZES[-1] else 2):  # of large ones, one past the caches
        every += [np.copy(x) for x in _results(call, call.operands | call.outputs)]
        for name, x in call.outputs.items():
            x[...] = outputs[name]
        for name, room in used.items():
            if not np.array_equal(room.near, around[name]):
                return f"writes beside the elements of {name}"
    expected = _results(call, operands)  # last: one that reads too far may end here
    for found, wanted in zip(every, cycle(expected), strict=False):
        if not _are_same(found, wanted):
            return f"gives {found!r}, not {wanted!r}"
    return None


def _results(call: Made, arrays: dict[str, Array]) -> tuple[Any, ...]:
    found = getattr(call.loss(), call.call)(**arrays, **call.options)
    return found if isinstance(found, tuple) else (found,)


def _are_same(found: Any, wanted: Any) -> bool:
    """Whether elements are equal, and sums, whose order may differ, nearly equal."""
    one, other = (np.asarray(x).astype(float) for x in (found, wanted))
    if one.ndim:
        return np.array_equal(one, other, equal_nan=True)
    return bool(np.isclose(one, other, rtol=1e-12, atol=0, equal_nan=True))


def run(every: Iterable[Scene], note: Path) -> int:
    """Make the calls, and write the name of each to a file before; return 1 if one went wrong."""
    begun, count = monotonic(), 0
    shared = _rooms(64 * SIZES[-1])
    with open(note, "r+b", buffering=0) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for scene in every:
            count += 1
            file.seek(0)
            file.write(f"{scene}".ljust(100).encode())
            with ExitStack() as changes:
                for module, attributes in WAYS[scene.way].items():
                    changes.enter_context(mock.patch.multiple(module, **attributes))
                wrong = complaint(scene, shared if scene.size <= SIZES[-1] else _rooms(16 * scene.size))
            if wrong is not None:
                print(" ".join(f"{scene}: {wrong}".split())[:1000])
                return 1
    print(f"{count} scenes, none wrong, in {monotonic() - begun:.0f} s")
    return 0


def _rooms(size: int) -> dict[str, Room]:
    return defaultdict(lambda: Room(size))


def main(argv: Sequence[str], program: Sequence[str] = (sys.executable, "-m", "tools.fuzz.guarded")) -> int:
    """Run from the command line; return 1 if a call ended wrongly or ended the process."""
    parser = argparse.ArgumentParser(prog="python -m tools.fuzz.guarded", description=__doc__)
    parser.add_argument("--rounds", type=int, default=66, help="number of rounds; default 66")
    parser.add_argument("--first", type=int, default=0, help="number of the first round")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sizes", type=int, nargs="*", help="sizes of arrays; default all")
    parser.add_argument("--few", action="store_true", help="few kinds of calls and types, which compile fast")
    parser.add_argument("--note", type=Path, help="run in this process, and name each call in this file")
    options = parser.parse_args(argv)
    if options.note is not None:
        rounds = range(options.first, options.first + options.rounds)
        return run(scenes(options.seed, rounds, options.sizes, options.few), options.note)
    with tempfile.NamedTemporaryFile() as note:
        status = subprocess.run([*program, *argv, "--note", note.name]).returncode
        if status < 0:
            print(f"{note.read().decode().strip()}: killed by {signal.Signals(-status).name}")
    return min(abs(status), 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
