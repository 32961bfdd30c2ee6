"""The types that checkers and editors see are those of the present losses."""

import ast

import fastloss
from tools import stubs


def test_the_stub_is_what_its_command_writes():
    assert stubs.OUTPUT.read_text(encoding="utf-8") == stubs.source(), "run python -m tools.stubs"


def test_the_stub_has_every_public_name_and_no_other():
    names = {"__version__"}
    for node in ast.parse(stubs.source()).body:
        if isinstance(node, ast.ImportFrom) and node.module.startswith("fastloss"):
            names |= {alias.asname for alias in node.names}
        elif isinstance(node, ast.AnnAssign):
            names.add(node.target.id)
    assert {name for name in names if name == "__version__" or not name.startswith("_")} == {
        *fastloss.__all__,
        "__version__",
    }
