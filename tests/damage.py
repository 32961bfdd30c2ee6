"""Damage files."""

from pathlib import Path


def damaged(path, change, source=None):
    """Write a file with the bytes of another, or with its own, changed by a function; return its path."""
    Path(path).write_bytes(change(Path(source or path).read_bytes()))
    return path


def cut(path, source=None):
    """Leave the first half of a file."""
    return damaged(path, lambda data: data[: len(data) // 2], source)


def overwritten(path, place, new):
    """Replace the bytes of a file from a place on."""
    return damaged(path, lambda data: data[:place] + new + data[place + len(new) :])
