"""Run code in fresh Python processes, for tests that need a process of their own."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

# From Python 3.12 on, os.fork() warns if threads are running, which some tests do on purpose.
WARNINGS = ("-W", "error", "-W", "ignore:This process:DeprecationWarning")


def start_python(
    code: str | Path, *, env: dict[str, str] | None = None, cwd: Path | None = None, stdin: bool = False
) -> "subprocess.Popen[str]":
    """Start Python on code or a file, without the Numba settings of this process except its cache folder."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("NUMBA_") or k == "NUMBA_CACHE_DIR"}
    source = [str(code)] if isinstance(code, Path) else ["-"] if stdin else ["-c", code]
    process = subprocess.Popen(
        [sys.executable, *WARNINGS, *source],
        env=inherited | (env or {}),
        cwd=cwd,
        stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    if process.stdin:
        process.stdin.write(str(code))
        process.stdin.close()
        process.stdin = None
    return process


def finish(process: "subprocess.Popen[str]", timeout: float = 120) -> "subprocess.CompletedProcess[str]":
    """Wait for a process. On a timeout kill it and its children, which may hold its pipes open."""
    try:
        out, err = process.communicate(timeout=timeout)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def run_python(
    code: str | Path, *, timeout: float = 120, **options: Any
) -> "subprocess.CompletedProcess[str]":
    """Run code in a fresh Python process."""
    return finish(start_python(code, **options), timeout)


def answer(result: "subprocess.CompletedProcess[str]") -> Any:
    """Decode the last line that a process printed as JSON; assert that the process succeeded."""
    assert result.returncode == 0, f"exit status {result.returncode}\n{result.stdout}{result.stderr}"
    return json.loads(result.stdout.splitlines()[-1])


def run_command(*argv, before="", after="", **options):
    """Run the command line of fastloss in a fresh process, with code before and after it."""
    code = f"import sys\n{before}\nfrom fastloss.__main__ import main\nstatus = main({list(argv)!r})\n{after}"
    return run_python(f"{code}\nsys.exit(status)", **options)
