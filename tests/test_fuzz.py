"""Random calls give the right numbers or an error that names an argument; ``tools.fuzz`` makes more calls."""

from tests.subprocesses import run_python

RUN = """
import sys
from tools.fuzz.__main__ import main
sys.exit(main("--calls 300 --losses huber quantile half_squared_error".split()))
"""


def test_random_calls_end_as_they_must():
    result = run_python(RUN, env={"NUMBA_DISABLE_JIT": "1"})  # else each would compile 100 kernels
    assert result.returncode == 0, result.stdout + result.stderr
