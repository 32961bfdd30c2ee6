"""Measure the figures of the README, of `docs/speed.md` and of `benchmarks/README.md`, and write them there.

    python -m benchmarks.report

This measures fastloss against its peers and its goals (nine minutes, 4 GB) and keeps the results in
`benchmarks/report.json`. From them it draws the pictures in that folder and writes its part of these pages.
With `--again` it does so from the results kept, without measuring. The results of `benchmarks.adapters` stay.
"""

import json
import os
import platform
import re
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypedDict

import llvmlite.binding
import numba
from numba.np.ufunc.parallel import threading_layer

from benchmarks import comparison, figures, pictures
from benchmarks.goals import Figure, ratio, table_row

ROOT = Path(__file__).parent.parent
RESULTS = "benchmarks/report.json"
README, SPEED, PAGE = "README.md", "docs/speed.md", "benchmarks/README.md"
#: The peers whose figures the README states, with the words for them, and the size of the arrays.
NAMED = {"NumPy, usual lines": "the usual NumPy code", "SciPy": "SciPy", "PyTorch": "PyTorch"}
LARGE = 1 << 26
SECTION = re.compile(r"(?<=<!-- python -m benchmarks.report -->\n).*?(?=<!-- end -->)", re.DOTALL)
PEER_GOALS = [("n = 2^26: against the usual NumPy lines", 1 << 26, "NumPy, usual lines", 15)]
PICTURES = {
    "throughput": "GB/s by the number of elements",
    "ratios": "How many times as fast as each peer",
}
LIBRARIES = {
    "fastloss": "fastloss",
    "Numba": "numba",
    "NumPy": "numpy",
    "SciPy": "scipy",
    "numexpr": "numexpr",
    "scikit-learn": "scikit-learn",
    "PyTorch": "torch",
    "JAX": "jax",
}


class Row(TypedDict):
    """What `benchmarks.adapters` measured of one task."""

    task: str
    other: str
    seconds: list[float]
    speed: float
    goal: float


class Adapter(TypedDict):
    """The tasks of one adapter, and the machine that they ran on."""

    machine: str
    rows: list[Row]


class Results(TypedDict, total=False):
    """All that is kept, as far as it was measured."""

    machine: str
    speeds: dict[str, comparison.Speeds]
    figures: list[dict[str, Any]]
    adapters: dict[str, Adapter]


def measured() -> Results:
    """Measure everything, and print each result to stderr as it comes."""
    speeds = {}
    for size in comparison.SIZES:
        speeds[str(size)] = found = comparison.speeds(size)
        line = ", ".join(f"{ratio:.3g} x {name}" for name, ratio in found["speedup"].items())
        print(f"{size}: {found['GB/s']:.3g} GB/s, {line}", file=sys.stderr, flush=True)
    table = []
    for figure in figures.measured():
        print(*figure[:3], sep=" | ", file=sys.stderr, flush=True)
        table.append(figure._asdict())
    return {"machine": machine(), "speeds": speeds, "figures": table}


def machine() -> str:
    """Processor, threads and versions."""
    versions = [f"Python {platform.python_version()}"]
    for name, package in LIBRARIES.items():
        with suppress(PackageNotFoundError):
            versions.append(f"{name} {version(package)}")
    processor = llvmlite.binding.get_host_cpu_name()
    threads = f"{numba.get_num_threads()} threads ({threading_layer()})"
    return f"{processor}, {os.cpu_count()} cores, {threads}, {', '.join(versions)}"


def sections(results: Results) -> dict[str, str]:
    """The text between the markers of each file: a summary in the README, all in that of benchmarks."""
    speeds = results["speeds"]
    shown = {
        README: [picture("throughput", "benchmarks/"), "", named(speeds), ""],
        SPEED: [
            picture("throughput", "../benchmarks/"),
            "",
            picture("ratios", "../benchmarks/"),
            "",
            *beside(speeds),
            "",
            results["machine"],
            "",
        ],
        PAGE: [*goals(results), "", results["machine"], "", *adapters(results.get("adapters", {}))],
    }
    return {path: "\n".join(lines) for path, lines in shown.items()}


def picture(name: str, folder: str) -> str:
    return f"![{PICTURES[name]}]({folder}{name}.svg)"


def named(speeds: dict[str, comparison.Speeds]) -> str:
    """The README's three numbers."""
    found = speedup(speeds, LARGE)
    ratios = [(found[peer], name) for peer, name in NAMED.items() if peer in found]
    times = ", ".join(f"{pictures.short(ratio)} times as fast as {name}" for ratio, name in ratios)
    task = "Value and gradient of the Huber loss for 2^26 float32 elements on two cores, with `grad_out=`"
    return f"{task}: {times}."


def speedup(speeds: dict[str, comparison.Speeds], size: int) -> dict[str, float]:
    """How many times as fast as each contender fastloss is, if that was measured at a size."""
    found = speeds.get(str(size))
    return found["speedup"] if found else {}


def adapters(found: dict[str, Adapter]) -> list[str]:
    """The tables of adapters: how many times as fast they are as what their libraries offer."""
    lines = []
    for name, measured in found.items():
        head = [f"fastloss.adapters.{name}", "beside", "fastloss", "the other", "speed", "goal", "reached"]
        lines += [table_row(head), table_row(["---"] * len(head))]
        for row in measured["rows"]:
            times = [f"{seconds * 1e3:,.3g} ms" for seconds in row["seconds"]]
            speed = ratio("", row["speed"], row["goal"])
            lines.append(
                table_row([row["task"], row["other"], *times, speed.measured, speed.goal, speed.verdict])
            )
        lines += ["", measured["machine"], ""]
    return lines


def beside(speeds: dict[str, comparison.Speeds]) -> list[str]:
    """The table of peers: how many times as fast as each of them fastloss is, at each size."""
    sizes = [f"n = {label}" for label in comparison.SIZES.values()]
    lines = [table_row(["speed of fastloss against", *sizes]), table_row(["---"] * (1 + len(sizes)))]
    for name in names(speeds):
        ratios = [speeds[str(size)]["speedup"].get(name) for size in comparison.SIZES]
        cells = ["n/a" if ratio is None else f"{pictures.short(ratio)} x" for ratio in ratios]
        lines.append(table_row([name, *cells]))
    return lines


def names(speeds: dict[str, comparison.Speeds]) -> list[str]:
    """The names of the contenders that were measured at any size."""
    return list(dict.fromkeys(name for found in speeds.values() for name in found["speedup"]))


def goals(results: Results) -> list[str]:
    """The table of goals, with the figures measured."""
    table = [Figure(**entry) for entry in results["figures"]]
    for what, size, name, goal in PEER_GOALS:
        if speed := speedup(results["speeds"], size).get(name):
            table.append(ratio(what, speed, goal))
    lines = [table_row(["huber, float32, mean", "measured", "goal", "reached"]), table_row(["---"] * 4)]
    return lines + [figure.row() for figure in table]


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--again"]):
        sys.exit(f"usage: python -m benchmarks.report [--again]\n{__doc__}")
    if not arguments:
        write(measured() | {"adapters": kept().get("adapters", {})})
    results = kept()
    speeds = results["speeds"]
    pictures.draw(speeds, names(speeds), comparison.SIZES, ROOT / "benchmarks")
    for path, text in sections(results).items():
        show(ROOT / path, text)
    return 0


def kept() -> Results:
    """The results of earlier runs."""
    path = ROOT / RESULTS
    results: Results = json.loads(path.read_text()) if path.exists() else {}
    return results


def write(results: Results) -> None:
    """Write the results to disk."""
    (ROOT / RESULTS).write_text(json.dumps(rounded(results), indent=1) + "\n")


def keep_adapter(name: str, rows: list[Row]) -> None:
    """Keep what `benchmarks.adapters` measured for one adapter, in place of its earlier results."""
    results = kept()
    results.setdefault("adapters", {})[name] = {"machine": machine(), "rows": rows}
    write(results)


def show(path: Path, text: str) -> None:
    """Write the text between the markers of a file, and print it."""
    path.write_text(SECTION.sub(lambda _: text, path.read_text()))
    print(text)


def rounded(x: Any) -> Any:
    """Round every number of the results to three digits."""
    if isinstance(x, dict):
        return {key: rounded(value) for key, value in x.items()}
    if isinstance(x, list):
        return [rounded(value) for value in x]
    return float(f"{x:.3g}") if isinstance(x, float) else x


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
