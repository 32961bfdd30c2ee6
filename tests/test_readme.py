"""The README agrees with the package, and its commands run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fastloss
from fastloss.losses import grouped, shipped

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")

#: The README and the pages of the documentation, except those that are generated.
PAGES = [README, *(path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").rglob("*.md")))]

#: The commands of these pages that `.ci/run` runs, exactly as they are written.
IN_CI = (
    "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/python -m fastloss demo",
    'python3 -m venv .venv && .venv/bin/pip install -e ".[test]" && .venv/bin/pytest',
    ". .venv/bin/activate",
    'pip install ".[boosting]"',
    'pip install ".[dask]"',
    'pip install ".[frames]"',
    'pip install ".[parquet]"',
    'pip install ".[progress]"',
    'pip install ".[scipy]"',
    'pip install ".[sklearn]"',
    'pip install ".[torch]"',
    "python -m fastloss eval data.parquet --pred y_hat --target y --by month --loss huber:delta=5 --loss l1",
    'pip install ".[cuda13]"',
    'pip install -e ".[test,cuda13]" nvidia-cuda-nvcc',
    "pytest tests/cuda",
    "pip install nox && nox -s docs",
)
#: Those that a test of this file runs.
HERE = (
    "python -m fastloss cache",
    "python -m fastloss cache --clean",
    "python -m fastloss info",
    "python -m fastloss losses",
    "python -m fastloss losses --plot losses.svg",
    "python -m fastloss eval pred.npy target.npy --loss huber --delta 5 --grad-out grad.npy",
)
#: Those that take minutes, with the tests that run the same program on less work.
ELSEWHERE = {
    "python examples/adaptive_threshold.py": "test_examples.py",
    "python examples/which_loss.py which_loss.svg": "test_examples.py",
    'pip install -e ".[bench]" && python -m benchmarks.report': "test_report.py",
    "python -m benchmarks.regressions": "test_regressions.py",
    "python -m benchmarks.regressions main": "test_regressions.py",
    "python -m benchmarks.gpu": "cuda/test_benchmark.py",
    "python -m tools.fuzz --calls 100000 --seed 1": "test_fuzz.py",
    "python -m tools.fuzz.guarded": "test_guarded.py",
    "python -m benchmarks.files": "adapters/test_files_memory.py",
    "python -m benchmarks.dask": "adapters/test_dask_benchmark.py",
    **{
        f"python -m benchmarks.adapters {name}": "test_report.py"
        for name in ("boosting", "scipy", "sklearn", "torch")
    },
}


def rows():
    """Yield the rows of the README's table, in which each loss links to its formula."""
    for heading, losses in grouped().items():
        links = [f"[`{loss.name}`]({file_of(loss)})" for loss in losses]
        yield f"| {heading} | {', '.join(links)} |"


def file_of(loss):
    return Path(*loss.formula.__module__.split(".")).with_suffix(".py").as_posix()


def test_the_readme_has_every_loss_with_a_link_to_its_formula():
    expected = ["| | losses |", "|---|---|", *rows()]
    (text,) = re.findall(r"^## Losses\n\n(.*?)\n\n", README, re.M | re.S)
    for row in expected:
        assert row in text.splitlines(), f"the table needs the row {row}"
    assert text.splitlines() == expected
    assert all((ROOT / file_of(loss)).exists() for loss in shipped().values())


def test_the_readme_is_short_and_its_links_lead_somewhere():
    assert len(README.splitlines()) <= 130
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", README)
    assert len(links) > len(shipped())
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_public_name_is_documented():
    for name in fastloss.__all__:
        assert getattr(fastloss, name).__doc__, name


def commands():
    """Every command that the pages show, on lines of their own or within the text."""
    text = "\n".join(PAGES)
    lines = re.findall(r"^    ((?:python3?|pip|pytest) .*)$", text, re.M)
    spans = [span for _, span in re.findall(r"(`+)(.+?)\1", text, re.S)]
    inline = [span for span in spans if re.match(r"(python3?|pip|pytest|\.) ", span)]
    return {command.partition("  #")[0].strip() for command in [*lines, *inline]}


def test_every_command_is_run_somewhere():
    assert commands() == {*IN_CI, *HERE, *ELSEWHERE}
    steps = [line.strip() for line in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()]
    for command in IN_CI:
        assert f"readme_command '{command}'" in steps, command
    for command, test in ELSEWHERE.items():
        tested = re.search(r"python (?:-m \w+\.)?(?:\w+/)?(\w+)", command)[1]
        assert re.search(rf"\b{tested}\b", (ROOT / "tests" / test).read_text(encoding="utf-8")), command


@pytest.mark.parametrize("command", HERE)
def test_a_command_runs_as_it_stands(command, tmp_path):
    for name in ("pred", "target"):
        np.save(tmp_path / name, np.ones(3))
    here = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    result = subprocess.run(
        command, shell=True, cwd=tmp_path, env=os.environ | {"PATH": here}, capture_output=True, text=True
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout
