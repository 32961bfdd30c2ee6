"""SECURITY.md lists exactly the declared dependencies."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_every_declared_dependency_is_listed_with_its_reason_and_no_other():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    project = declared["project"]
    groups = [declared["build-system"]["requires"], project["dependencies"]]
    groups += project["optional-dependencies"].values()
    groups += declared["dependency-groups"].values()
    packages = [each for group in groups for each in group if isinstance(each, str)]  # others include a group
    names = {re.match(r"[\w-]+", each).group() for each in packages}
    rows = re.findall(r"^\| (`.*) \| (.*) \|$", (ROOT / "SECURITY.md").read_text("utf-8"), re.M)
    listed = [name for packages, _ in rows for name in re.findall("`(.*?)`", packages)]
    assert sorted(listed) == sorted(names)
    assert all(reason for _, reason in rows)
