"""The commands of the command line: one module each, imported when it is run."""

import os
from collections.abc import Mapping
from importlib import import_module
from typing import Any


class CommandError(Exception):
    """An error that stops a command, with a message of one line for the user."""


def plotting(module: str) -> Any:
    """Import a module of this folder that draws with matplotlib, which is an extra of the package."""
    try:
        return import_module(f"{__name__}.{module}")
    except ImportError as error:
        raise CommandError(f"--plot needs matplotlib: pip install 'fastloss[plot]' ({error})") from error


def check_replaceable(option: str, path: str, inputs: Mapping[str, os.stat_result], force: bool) -> None:
    """Refuse to replace an input, whatever path leads to it, or any other file without `force`.

    Parameters
    ----------
    option, path : str
        The output and its option on the command line.
    inputs : mapping from str to os.stat_result
        The identity of each input file, by the path that the user gave.
    force : bool
        Whether a file that is not an input may be replaced.
    """
    try:
        there = os.stat(path)
    except OSError:  # there is no file, or writing to it will tell what is wrong
        return
    for name, each in inputs.items():
        if os.path.samestat(there, each):
            raise CommandError(f"{option} {path} would replace an input: it is the same file as {name}")
    if not force:
        raise CommandError(f"{option} {path} exists: add --force to replace it")
