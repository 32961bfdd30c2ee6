"""The command eval replaces none of its inputs, and another file only if it may."""

import os
from itertools import product

import numpy as np
import pytest

import fastloss

from .inputs import PRED, TARGET, at_progress, listing, same_bits

INPUTS = "--weight", "weight.npy", "--where", "where.npy"


def spellings(name, folder):
    """Other paths of the same file, some of which are made here."""
    os.symlink(name, "symbolic.npy")
    os.link(name, "hard.npy")
    os.symlink(folder, "elsewhere")
    return [
        name,
        f"./{name}",
        f"{folder}/{name}",
        f"elsewhere/../{folder.name}/{name}",
        f"elsewhere/{name}",
        "symbolic.npy",
        "hard.npy",
        "elsewhere/symbolic.npy",
    ]


@pytest.mark.parametrize("name", ["pred.npy", "target.npy", "weight.npy", "where.npy"])
def test_no_input_is_replaced_by_whatever_path(evaluate, folder, name):
    paths = spellings(name, folder)
    before = listing(folder)
    for path, option, force in product(paths, ["--grad-out", "--loss-out"], [(), ("--force",)]):
        status, out, err = evaluate("--reduction", "none", option, path, *INPUTS, *force)
        assert (status, out) == (2, "")
        said = f"{option} {path} would replace an input: it is the same file as {name}"
        assert err == f"fastloss eval: {said}\n"
        assert listing(folder) == before


def test_an_input_given_as_a_link_is_not_replaced_under_its_own_name(evaluate, folder):
    os.symlink("pred.npy", "link.npy")
    before = listing(folder)
    status, _, err = evaluate("--grad-out", "pred.npy", "--force", files=("link.npy", "target.npy"))
    assert (status, err.split(": ")[-1]) == (2, "it is the same file as link.npy\n")
    assert listing(folder) == before


def test_a_file_that_exists_is_replaced_only_if_forced(evaluate, folder):
    (folder / "grad.npy").write_text("of an earlier run")
    before = listing(folder)
    said = "fastloss eval: --grad-out grad.npy exists: add --force to replace it\n"
    assert evaluate("--grad-out", "grad.npy") == (2, "", said)
    assert listing(folder) == before
    value, grad = fastloss.huber.value_and_grad(PRED, TARGET)
    assert evaluate("--grad-out", "grad.npy", "--force") == (0, f"{value!r}\n", "")
    assert same_bits(np.load("grad.npy"), grad)


def test_a_file_that_appears_during_the_run_is_not_replaced(evaluate, folder, monkeypatch):
    at_progress(monkeypatch, lambda: (folder / "grad.npy").write_text("another's"))
    status, out, err = evaluate("--grad-out", "grad.npy")
    assert (status, out) == (2, "")
    assert "grad.npy exists: add --force to replace it" in err
    assert (folder / "grad.npy").read_text() == "another's"
    assert not list(folder.glob(".*"))


def test_a_file_that_appears_at_the_last_moment_is_not_replaced(evaluate, folder, monkeypatch):
    link = os.link

    def late(part, place, **options):
        (folder / "grad.npy").write_text("another's")
        link(part, place, **options)

    monkeypatch.setattr(os, "link", late)
    said = "fastloss eval: cannot write grad.npy: File exists\n"
    assert evaluate("--grad-out", "grad.npy") == (2, "", said)
    assert (folder / "grad.npy").read_text() == "another's"
    assert not list(folder.glob(".*"))


def test_if_one_output_cannot_be_written_none_is(evaluate, folder, monkeypatch):
    at_progress(monkeypatch, lambda: (folder / "grad.npy").write_text("another's"))
    before = listing(folder).keys()
    files = "--loss-out", "loss.npy", "--grad-out", "grad.npy"
    assert evaluate("--reduction", "none", *files)[0] == 2
    assert listing(folder).keys() == before | {"grad.npy"}


def test_a_file_system_without_links_will_do(evaluate, no_unnamed_files, monkeypatch):
    def refuse(part, place):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    assert evaluate("--grad-out", "grad.npy")[0] == 0
    assert same_bits(np.load("grad.npy"), fastloss.huber.grad(PRED, TARGET))


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_a_system_without_unnamed_files_will_do(evaluate, folder, no_unnamed_files, monkeypatch, force):
    assert evaluate("--grad-out", "grad.npy", *force)[0] == 0
    assert same_bits(np.load("grad.npy"), fastloss.huber.grad(PRED, TARGET))
    before = listing(folder)
    at_progress(monkeypatch, lambda: os.utime("pred.npy", ns=(0, 0)))
    assert evaluate("--grad-out", "other.npy", *force)[0] == 2
    assert listing(folder) == before
    assert not list(folder.glob(".*"))


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="tells open files by /proc")
@pytest.mark.parametrize("force", [(), ("--force",)])
def test_an_output_is_closed_before_it_gets_its_name(evaluate, no_unnamed_files, monkeypatch, force):
    """Windows does not rename a file that is open."""
    renamed = []

    def closed(call):
        def checked(part, place):
            descriptors = map("/proc/self/fd/{}".format, os.listdir("/proc/self/fd"))
            assert part not in [os.readlink(x) for x in descriptors if os.path.islink(x)]
            renamed.append(place)
            call(part, place)

        return checked

    for name in ("link", "replace"):
        monkeypatch.setattr(os, name, closed(getattr(os, name)))
    assert evaluate("--grad-out", "grad.npy", *force)[0] == 0
    assert [os.path.basename(place) for place in renamed] == ["grad.npy"]


def test_an_input_that_moves_to_the_outputs_place_is_not_replaced(evaluate, folder, monkeypatch):
    before = (folder / "pred.npy").read_bytes()
    at_progress(monkeypatch, lambda: os.rename("pred.npy", "grad.npy"))
    status, out, err = evaluate("--grad-out", "grad.npy", "--force")
    assert (status, out) == (2, "")
    assert "would replace an input: it is the same file as pred.npy" in err
    assert (folder / "grad.npy").read_bytes() == before


@pytest.mark.parametrize("name", ["target.npy", "renamed.npy"])
def test_an_input_written_to_during_the_run_is_told(evaluate, folder, monkeypatch, name):
    def write():
        os.rename("target.npy", name)
        with open(name, "r+b") as file:
            file.seek(-4, os.SEEK_END)
            file.write(b"abcd")

    at_progress(monkeypatch, write)
    said = "fastloss eval: target.npy was written to while it was read\n"
    assert evaluate("--grad-out", "grad.npy") == (2, "", said)
    assert not list(folder.glob("grad.npy"))


def test_a_new_file_in_an_inputs_place_does_no_harm(evaluate, monkeypatch):
    def replace():
        np.save("new", TARGET + 1)
        os.replace("new.npy", "target.npy")

    at_progress(monkeypatch, replace)
    assert evaluate("--grad-out", "grad.npy")[0] == 0
    assert same_bits(np.load("grad.npy"), fastloss.huber.grad(PRED, TARGET))


def test_two_outputs_are_two_files(evaluate, folder):
    os.symlink("one.npy", "other.npy")
    before = listing(folder)
    files = "--loss-out", "one.npy", "--grad-out", "other.npy"
    status, out, err = evaluate("--reduction", "none", *files, "--force")
    assert (status, out) == (2, "")
    assert "--loss-out and --grad-out must be two files, got the same" in err
    assert listing(folder) == before
