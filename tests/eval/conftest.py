"""Fixtures for the tests of the command eval."""

import os

import numpy as np
import pytest

from fastloss.__main__ import main
from fastloss._cpu import launch as _launch

from .columns import save_columns
from .inputs import HUBER, PRED, TARGET, WEIGHT, WHERE


@pytest.fixture(autouse=True)
def folder(empty_folder):
    """Make a folder with the usual inputs, and run in it."""
    for name, array in {"pred": PRED, "target": TARGET, "weight": WEIGHT, "where": WHERE}.items():
        np.save(name, array)
    return empty_folder


@pytest.fixture
def columns(folder):
    """Add operands in columns to the folder."""
    save_columns()


@pytest.fixture
def evaluate(capsys):
    """Run the command in this process; return its status, its stdout and its stderr."""

    def run(*options, files=("pred.npy", "target.npy"), loss=HUBER):
        loss = () if "--loss" in options else loss
        status = main(["eval", *files, *loss, *options])
        return status, *capsys.readouterr()

    return run


@pytest.fixture
def no_unnamed_files(monkeypatch):
    """Emulate a system without unnamed files."""
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)


@pytest.fixture
def small_blocks(monkeypatch):
    """Use blocks of one chunk instead of 2^24 elements."""
    monkeypatch.setattr(_launch, "WATCHED", 1 << 14)
