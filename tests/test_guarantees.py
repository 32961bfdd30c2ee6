"""The tests that the page of guarantees names exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", PAGE)))


@pytest.mark.parametrize(("path", "name"), NAMED, ids=map("::".join, NAMED))
def test_a_proof_is_a_test(path, name):
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    tests = {each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)}
    assert any(each.startswith("test_") for each in tests)
    assert not name or name in tests


def test_every_promise_names_its_proof():
    promises = re.findall(r"^- (.*?)(?=^- |^$)", PAGE, re.M | re.S)
    assert len(promises) > 20
    assert [each for each in promises if not re.search(r"`tests/|same test", each)] == []
