"""Calls read and write no element outside their arrays; ``tools.fuzz.guarded`` makes more calls."""

import sys

import pytest

from tools.fuzz import guarded

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs mprotect")


def test_calls_of_every_size_stay_within_their_arrays(capfd):
    status = guarded.main(["--few", "--rounds", "6"])
    assert status == 0, capfd.readouterr().out


# Every address is one element too far. In rounds of even number the page without access follows the array.
SHIFTED = """
import sys
from fastloss._cpu import layouts
from tools.fuzz.guarded import main
address = layouts.address
layouts.address = lambda x: address(x) + x.itemsize
sys.exit(main(sys.argv[1:]))
"""


def test_an_element_beside_an_array_ends_the_process_and_its_call_is_named(capfd):
    arguments = ["--few", "--rounds", "1", "--sizes", "511"]
    assert guarded.main(arguments, program=[sys.executable, "-c", SHIFTED]) == 1
    named = "--seed 0 --first 0 --rounds 1 --sizes 511 --few: killed by SIG"
    assert capfd.readouterr().out.startswith(named)
    assert guarded.main(arguments) == 0
