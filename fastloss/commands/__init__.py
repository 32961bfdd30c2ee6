"""The commands of the command line: one module each, imported when it is run."""

import os
from collections.abc import Mapping
from importlib import import_module
from typing import Any


class CommandError(Exception):
    """What stops a command, in one line for its user."""


def plotting(module: str) -> Any:
    """A module of this folder that draws; matplotlib is an extra of the package."""
    try:
        return import_module(f"{__name__}.{module}")
    except ImportError as error:
        raise CommandError(f"--plot needs matplotlib: pip install 'fastloss[plot]' ({error})") from error


def check_replaceable(option: str, path: str, inputs: Mapping[str, os.stat_result], force: bool) -> None:
    """Refuse to write where an input is, by whatever path, or where any file is without `force`.

    Parameters
    ----------
    option, path : str
        The output and its option on the command line.
    inputs : mapping from str to os.stat_result
        What files the inputs are, by the paths that the user gave.
    force : bool
        Whether a file that is no input may be replaced.
    """
    try:
        there = os.stat(path)
    except OSError:  # there is none, or who writes it will say what is wrong
        return
    for name, each in inputs.items():
        if os.path.samestat(there, each):
            raise CommandError(f"{option} {path} would replace an input: it is the same file as {name}")
    if not force:
        raise CommandError(f"{option} {path} exists: add --force to replace it")
