#!/usr/bin/env -S uv run --script
# /// script
# dependencies = ["nox"]
# ///
"""The checks of a change, one session for each: ``nox -l`` lists them, ``nox -s lint`` runs one.

`.ci/run` runs most of these sessions, and also the commands of the README as they are written there.
"""

import os
import shutil
import sys
from pathlib import Path

import nox

PROJECT = nox.project.load_toml("pyproject.toml")
ROOT = Path(__file__).parent
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
#: Tests of every part of the package that together take about a minute on each Python.
FAST = [
    f"tests/test_{name}.py"
    for name in (
        "calls", "commands", "define", "errors", "forms", "get", "import", "irls", "kept_code", "misuse",
        "operands", "option_errors", "outputs", "parameters", "pickling", "plain", "stackloss", "sum",
    )
]  # fmt: skip

#: Files that GitHub reads, by the kind of schema that they must fit.
SCHEMAS = {
    "citation-file-format": "CITATION.cff",
    "dependabot": ".github/dependabot.yml",
    "github-issue-forms": ".github/ISSUE_TEMPLATE/*.yml",
    "github-workflows": ".github/workflows/*.yml",
}

nox.needs_version = ">=2025.5"
nox.options.default_venv_backend = "virtualenv"


def group(name: str) -> list[str]:
    """The requirements of a dependency group."""
    return list(nox.project.dependency_groups(PROJECT, name))


def found() -> list[str]:
    """The versions of Python on the PATH or installed by pyenv, whose own commands may select another one."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    folders = [path.parent for each in PYTHONS for path in pyenv.glob(f"versions/{each}.*/bin/python{each}")]
    own = [each for each in os.environ["PATH"].split(os.pathsep) if Path(each) != pyenv / "shims"]
    os.environ["PATH"] = os.pathsep.join([*map(str, folders), *own])
    return [each for each in PYTHONS if shutil.which(f"python{each}")]


FOUND = found()
OWN = ".".join(map(str, sys.version_info[:2]))  # the Python of nox, on which `tests` runs the whole suite


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and the metadata of the project."""
    session.install(*group("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("codespell")
    session.run("validate-pyproject", "pyproject.toml")
    session.run("repo-review", ".")
    session.run("zizmor", "--offline", "--quiet", ".github")
    for kind, files in SCHEMAS.items():
        session.run("check-jsonschema", "--builtin-schema", f"vendor.{kind}", *map(str, ROOT.glob(files)))


@nox.session
def asv(session: nox.Session) -> None:
    """Check that the asv suite can run, and that the comparison of two commits detects a slower one."""
    session.install("-e", ".[test]", *group("asv"))
    session.run("asv", "check", "--environment", f"existing:{session.virtualenv.location}/bin/python")
    session.run("pytest", "--quiet", "tests/test_regressions.py")


@nox.session
def types(session: nox.Session) -> None:
    """Check types with mypy and Pyright."""
    session.install("-e", ".[test]", *group("types"))
    for platform in ("linux", "darwin", "win32"):  # what a system does not have is an error there
        session.run("mypy", "--platform", platform)
    session.run("mypy", "tests/types_of_calls.py")
    session.run("basedpyright")


@nox.session(python=FOUND)
def tests(session: nox.Session) -> None:
    """Run the whole suite, or the tests given: ``nox -s tests -- tests/test_calls.py``."""
    session.install("-e", ".[test]")
    session.run("pytest", *session.posargs)


@nox.session(python=[each for each in FOUND if each != OWN] or None, default=False)
def fast(session: nox.Session) -> None:
    """Run the fast part of the suite on every other Python found, or on nox's own if there is no other."""
    session.install("-e", ".[test]")
    session.run("pytest", "--quiet", *FAST)


@nox.session
def docs(session: nox.Session) -> None:
    """Check docstrings, build the site in the folder `site`, and test it in a browser (Debian's chromium)."""
    session.install("-e", ".", *group("docs"))
    session.run("python", "-m", "sphinx", "-q", "-W", "--keep-going", "docs", "site")
    if shutil.which("chromium"):
        session.run("pytest", "--quiet", "tests/site")
    else:
        session.warn("the pages were not tested in a browser: chromium was not found")


@nox.session
def package(session: nox.Session) -> None:
    """Build the archives for a package index; check their contents and metadata, and run tests on them."""
    session.install(*group("package"))
    folder = Path(session.create_tmp()).resolve()
    session.run("python", "-m", "build", "--outdir", str(folder / "dist"), silent=True)
    (wheel,), (source,) = (list((folder / "dist").glob(kind)) for kind in ("*.whl", "*.tar.gz"))
    session.run("twine", "check", "--strict", str(wheel), str(source))
    session.run("check-wheel-contents", str(wheel))
    # Two of pyroma's ten points are for an address and a home page, which the project does not have yet.
    session.run("pyroma", "--min", "8", str(source))
    session.run("tar", "-xzf", str(source), "-C", str(folder), external=True)
    session.install(f"{wheel}[test]")
    session.chdir(folder / source.name.removesuffix(".tar.gz"))
    shutil.rmtree("fastloss")  # so that the tests import the wheel
    session.run("pytest", "--quiet", "tests/test_calls.py", "tests/test_stackloss.py", "tests/test_demo.py")


@nox.session(default=False)
def benchmarks(session: nox.Session) -> None:
    """Measure the figures of the README and of the pages on speed on this machine."""
    session.install("-e", ".[bench]")
    session.run("python", "-m", "benchmarks.report")


if __name__ == "__main__":
    nox.main()
