"""The CPU's own tests, on the device."""

from importlib import import_module

import pytest

pytestmark = pytest.mark.usefixtures("everything_on_the_device")

for _module in (
    "calls",
    "define",
    "errors",
    "formulas",
    "layouts",
    "outputs",
    "parameters",
    "properties",
    "sum",
    "weights",
):
    for _name, _test in vars(import_module(f"tests.test_{_module}")).items():
        if _name.startswith("test_"):
            globals()[f"{_name}__{_module}"] = _test
