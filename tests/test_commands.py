"""The command line: what it runs, and errors of one line."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest

import fastloss
from fastloss.__main__ import main
from fastloss.commands import CommandError, info
from fastloss.losses import shipped, table
from tests.subprocesses import run_python


def test_no_command_prints_the_help(capsys):
    assert main([]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("usage: fastloss ")
    assert "demo" in err
    assert "info" in err


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["nope"], "'nope'"),
        (["info", "--size", "3"], "--size"),
        (["demo", "--size", "0"], "argument --size: must be a whole number > 0, got '0'"),
        (["demo", "--size", "-3"], "argument --size"),
        (["demo", "--size", "1e6"], "argument --size: must be a whole number > 0, got '1e6'"),
    ],
)
def test_unknown_commands_and_bad_arguments_exit_with_usage(capsys, argv, said):
    with pytest.raises(SystemExit) as stop:
        main(argv)
    assert stop.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("usage: fastloss")
    assert said in err.splitlines()[-1]


def test_module_and_script_run_the_same_command_line():
    for start in (
        [sys.executable, "-m", "fastloss"],
        [os.path.join(os.path.dirname(sys.executable), "fastloss")],
    ):
        result = subprocess.run([*start, "--version"], capture_output=True, text=True, check=True)
        assert result.stdout == f"fastloss {fastloss.__version__}\n"


def test_a_command_is_imported_only_when_it_is_run():
    names = "{'fastloss.commands.demo', 'fastloss.commands.info', 'numba', 'matplotlib'}"
    result = run_python(f"import sys, fastloss.__main__; assert not {names} & sys.modules.keys()")
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("stop", "status", "said"),
    [
        (CommandError("it failed"), 2, "fastloss info: it failed\n"),
        (MemoryError("99 PiB"), 2, "fastloss info: not enough memory: 99 PiB\n"),
        (
            FileNotFoundError(2, "No such file", "flights.npz"),
            2,
            "fastloss info: [Errno 2] No such file: 'flights.npz'\n",
        ),
        (KeyboardInterrupt(), 130, ""),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_stops_a_command_is_told_in_a_line(monkeypatch, capsys, stop, status, said):
    def run():
        raise stop

    monkeypatch.setattr(info, "run", run)
    assert main(["info"]) == status
    assert capsys.readouterr() == ("", said)


@pytest.mark.skipif(sys.platform == "win32", reason="pipes differ")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_leaves_early_is_no_error(unbuffered):
    ours, theirs = os.pipe()
    os.close(ours)
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    command = [sys.executable, "-m", "fastloss", "info"]
    result = subprocess.run(command, stdout=theirs, stderr=subprocess.PIPE, env=environment, check=False)
    os.close(theirs)
    assert (result.returncode, result.stderr) == (1, b"")


@pytest.mark.skipif(sys.platform == "win32", reason="its shell differs")
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_a_command_runs_without_streams(tmp_path, closed):
    np.savez(tmp_path / "data.npz", pred=[1.0], target=[3.0])
    command = f"'{sys.executable}' -m fastloss eval '{tmp_path}/data.npz' --loss l1 {closed}"
    result = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == ("2.0\n" if closed == "2>&-" else "")


def test_text_that_the_encoding_of_the_output_lacks_is_escaped(tmp_path):
    np.savez(tmp_path / "data.npz", pred=[1.0], target=[3.0], k=["Z\u00fcrich"])
    command = [sys.executable, "-m", "fastloss", "eval", f"{tmp_path}/data.npz", "--loss", "l1", "--by", "k"]
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    result = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert "\nZ\\xfcrich      1 " in result.stdout


def test_losses_prints_the_table(capsys):
    assert main(["losses"]) == 0
    assert capsys.readouterr().out == table() + "\n"


@pytest.mark.parametrize("name", shipped())
def test_the_table_names_every_loss_with_its_parameters_and_domains(name):
    (row,) = [line for line in table().splitlines() if line.startswith(f"| `{name}` |")]
    for parameter, domain in shipped()[name].domains.items():
        assert f"`{parameter}`" in row
        assert str(domain) in row
    for operand, domain in shipped()[name].operands.items():
        assert f"`{operand}`: {domain}, else NaN" in row
    assert re.search(r"`[^`]*\b(e|pred)\b[^`]*`", row.split("|")[2])  # a formula in the error or in pred


def test_losses_prints_the_same_table_where_python_strips_docstrings():
    command = [sys.executable, "-OO", "-m", "fastloss", "losses"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout == table() + "\n"
