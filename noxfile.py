#!/usr/bin/env -S uv run --script
# /// script
# dependencies = ["nox"]
# ///
"""What is checked before a change lands, a session each: ``nox -l`` lists them, ``nox -s lint`` runs one.

`.ci/run` runs these sessions, and the README's commands as they stand there.
"""

import os
import shutil
import sys
from pathlib import Path

import nox

PROJECT = nox.project.load_toml("pyproject.toml")
ROOT = Path(__file__).parent
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
#: Tests of every part that take about a minute together, for each Python.
FAST = [
    f"tests/test_{name}.py"
    for name in (
        "calls", "commands", "define", "errors", "forms", "get", "import", "irls", "kept_code", "misuse",
        "operands", "outputs", "parameters", "plain", "stackloss", "sum", "travel",
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
    """The versions of Python that are here: on the PATH, or of pyenv, whose commands may be for another."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    folders = [path.parent for each in PYTHONS for path in pyenv.glob(f"versions/{each}.*/bin/python{each}")]
    own = [each for each in os.environ["PATH"].split(os.pathsep) if Path(each) != pyenv / "shims"]
    os.environ["PATH"] = os.pathsep.join([*map(str, folders), *own])
    return [each for each in PYTHONS if shutil.which(f"python{each}")]


FOUND = found()
OWN = ".".join(map(str, sys.version_info[:2]))  # on which `tests` runs the whole suite


@nox.session
def lint(session: nox.Session) -> None:
    """Style, and the project's metadata."""
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
    """The suite of benchmarks can be run, and the check of two commits tells a slower one."""
    session.install("-e", ".[test]", *group("asv"))
    session.run("asv", "check", "--environment", f"existing:{session.virtualenv.location}/bin/python")
    session.run("pytest", "--quiet", "tests/test_regressions.py")


@nox.session
def types(session: nox.Session) -> None:
    """Types, as mypy and Pyright see them."""
    session.install("-e", ".[test]", *group("types"))
    for platform in ("linux", "darwin", "win32"):  # what a system does not have is an error there
        session.run("mypy", "--platform", platform)
    session.run("mypy", "tests/types_of_calls.py")
    session.run("basedpyright")


@nox.session(python=FOUND)
def tests(session: nox.Session) -> None:
    """The whole suite, or the tests named: ``nox -s tests -- tests/test_calls.py``."""
    session.install("-e", ".[test]")
    session.run("pytest", *session.posargs)


@nox.session(python=[each for each in FOUND if each != OWN] or None, default=False)
def fast(session: nox.Session) -> None:
    """The suite's fast part, on every other Python found, or on nox's own where there is no other."""
    session.install("-e", ".[test]")
    session.run("pytest", "--quiet", *FAST)


@nox.session
def docs(session: nox.Session) -> None:
    """Docstrings, and the site they belong to, in the folder `site`, read in a browser: Debian's chromium."""
    session.install("-e", ".", *group("docs"))
    session.run("python", "-m", "sphinx", "-q", "-W", "--keep-going", "docs", "site")
    if shutil.which("chromium"):
        session.run("pytest", "--quiet", "tests/site")
    else:
        session.warn("the pages were not looked at: there is no chromium")


@nox.session
def package(session: nox.Session) -> None:
    """The archives for an index: what they hold, how they describe themselves, and that their tests pass."""
    session.install(*group("package"))
    folder = Path(session.create_tmp()).resolve()
    session.run("python", "-m", "build", "--outdir", str(folder / "dist"), silent=True)
    (wheel,), (source,) = (list((folder / "dist").glob(kind)) for kind in ("*.whl", "*.tar.gz"))
    session.run("twine", "check", "--strict", str(wheel), str(source))
    session.run("check-wheel-contents", str(wheel))
    # Of its ten points two are for an address and a home page, which the project does not have yet.
    session.run("pyroma", "--min", "8", str(source))
    session.run("tar", "-xzf", str(source), "-C", str(folder), external=True)
    session.install(f"{wheel}[test]")
    session.chdir(folder / source.name.removesuffix(".tar.gz"))
    shutil.rmtree("fastloss")  # so that the tests take the wheel's
    session.run("pytest", "--quiet", "tests/test_calls.py", "tests/test_stackloss.py", "tests/test_demo.py")


@nox.session(default=False)
def benchmarks(session: nox.Session) -> None:
    """The report: the figures of the README and of the pages on speed, measured on this machine."""
    session.install("-e", ".[bench]")
    session.run("python", "-m", "benchmarks.report")


if __name__ == "__main__":
    nox.main()
