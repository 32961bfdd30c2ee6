"""What the README says is what the package has."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fastloss
from fastloss.losses import shipped, table

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")

#: The README's commands that `.ci/run` runs, as they stand there.
IN_CI = (
    "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/python -m fastloss demo",
    'python3 -m venv .venv && .venv/bin/pip install -e ".[test]" && .venv/bin/pytest',
    ". .venv/bin/activate",
    'pip install ".[progress]"',
    'pip install ".[torch]"',
    'pip install ".[parquet]"',
    "python -m fastloss eval data.parquet --pred y_hat --target y --by month --loss huber:delta=5 --loss l1",
    'pip install ".[cuda13]"',
    "pytest tests/cuda",
)
#: Those that are run here.
HERE = (
    "python -m fastloss info",
    "python -m fastloss losses --plot losses.svg",
    "python -m fastloss eval pred.npy target.npy --loss huber --delta 5 --grad-out grad.npy",
)
#: Those that take minutes, with the tests that run them on less.
ELSEWHERE = {
    "python examples/adaptive_threshold.py": "test_examples.py",
    'pip install -e ".[bench]" && python -m benchmarks.report': "test_report.py",
    "python -m benchmarks.regressions": "test_regressions.py",
    "python -m benchmarks.gpu": "cuda/test_benchmark.py",
}


def section(command):
    """What the README shows as printed by a command."""
    (text,) = re.findall(rf"<!-- {re.escape(command)} -->\n(.*?)<!-- end -->", README, re.S)
    return text.strip()


def test_the_table_of_losses_is_the_generated_one():
    assert section("python -m fastloss losses") == table()


@pytest.mark.parametrize("name", shipped())
def test_the_table_names_every_loss_with_its_parameters_and_domains(name):
    (row,) = [line for line in table().splitlines() if line.startswith(f"| `{name}` |")]
    for parameter, domain in shipped()[name].domains.items():
        assert f"`{parameter}`" in row
        assert str(domain) in row
    for operand, domain in shipped()[name].operands.items():
        assert f"`{operand}`: {domain}, else NaN" in row
    assert "e" in row.split("|")[2]


def test_every_public_name_is_documented():
    for name in fastloss.__all__:
        assert getattr(fastloss, name).__doc__, name


def commands():
    """Every command that the README shows, in lines of their own or within the text."""
    lines = re.findall(r"^    ((?:python3?|pip|pytest) .*)$", README, re.M)
    inline = re.findall(r"`((?:python3?|pip|pytest|\.) [^`]+)`", README)
    return {command.partition("  #")[0].strip() for command in [*lines, *inline]}


def test_every_command_is_run_somewhere():
    assert commands() == {*IN_CI, *HERE, *ELSEWHERE}
    steps = [line.strip() for line in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()]
    for command in IN_CI:
        assert f"readme_command '{command}'" in steps, command
    for command, test in ELSEWHERE.items():
        tested = Path(command.split()[-1].replace(".", "/", command.count("-m"))).stem
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
