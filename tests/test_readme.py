"""What the README says is what the package has."""

import re
from pathlib import Path

import pytest

import fastloss
from fastloss.losses import shipped, table

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def section(command):
    """What the README shows as printed by a command."""
    (text,) = re.findall(rf"<!-- {re.escape(command)} -->\n(.*?)<!-- end -->", README, re.S)
    return text.strip()


def test_the_table_of_losses_is_the_generated_one():
    assert section("python -m fastloss losses") == table()


@pytest.mark.parametrize("name", shipped())
def test_the_table_names_every_loss_with_its_parameters(name):
    (row,) = [line for line in table().splitlines() if line.startswith(f"| `{name}` |")]
    for parameter, domain in shipped()[name].domains.items():
        assert f"`{parameter}`" in row
        assert str(domain) in row
    assert "e" in row.split("|")[2]


def test_every_public_name_is_documented():
    for name in fastloss.__all__:
        assert getattr(fastloss, name).__doc__, name
