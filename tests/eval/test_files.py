"""Files that the command eval cannot read or write, and unsuitable options."""

import errno
import os
import stat

import numpy as np
import pytest

import fastloss
from fastloss.commands import arrays, npy
from tests.damage import damaged
from tests.refused import only_line

from .inputs import PRED, TARGET, WEIGHT, listing, same_bits


def make_unreadable():
    np.savez("zipped.npz", PRED)
    np.save("objects.npy", np.array([None]))
    np.save("complex.npy", PRED.astype(complex))
    np.save("text.npy", np.array(["1.5"]))
    np.save("fields.npy", np.zeros(3, [("x", "f4")]))
    np.save("other.npy", np.zeros(7))
    np.save("negative.npy", -WEIGHT)
    damaged("empty.npy", lambda data: b"", "pred.npy")
    damaged("words.npy", lambda data: b"1.5 2.5 3.5\n" * 20, "pred.npy")
    damaged("short.npy", lambda data: data[:1000], "pred.npy")
    damaged("header.npy", lambda data: data[:50], "pred.npy")
    damaged("syntax.npy", lambda data: data.replace(b"(40, 30)", b"(40, 30("), "pred.npy")
    damaged("magic.npy", lambda data: data[:7], "pred.npy")
    os.mkdir("folder.npy")
    os.mkfifo("pipe.npy")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("missing.npy", "cannot read missing.npy: No such file or directory"),
        (
            "zipped.npz",
            "cannot read zipped.npz: it is not a .npy file but a .npz file: name a member, as in FILE.npz",
        ),
        ("empty.npy", "cannot read empty.npy: it is not a .npy file: it is empty"),
        ("words.npy", "cannot read words.npy: it is not a .npy file"),
        ("short.npy", "cannot read short.npy: it is cut short: 1,000 of 4,928 bytes"),
        ("header.npy", "cannot read header.npy: its .npy header is damaged: EOF"),
        ("syntax.npy", "cannot read syntax.npy: its .npy header is damaged: "),
        ("magic.npy", "cannot read magic.npy: EOF: reading magic string"),
        ("objects.npy", "cannot read objects.npy: it holds Python objects, not numbers"),
        ("complex.npy", "pred must hold real numbers of at most 64 bits, got dtype complex128"),
        ("text.npy", "pred must hold real numbers of at most 64 bits, got dtype <U3"),
        ("fields.npy", "pred must hold real numbers of at most 64 bits, got dtype [('x', '<f4')]"),
        ("folder.npy", "cannot read folder.npy: it is a folder or a device, not a file"),
        ("pipe.npy", "cannot read pipe.npy: it is a folder or a device, not a file"),
    ],
)
def test_files_that_cannot_be_read(evaluate, folder, name, said):
    make_unreadable()
    before = sorted(os.listdir())
    status, *printed = evaluate("--grad-out", "grad.npy", files=(name, "target.npy"))
    assert status == 2
    line = only_line(*printed)
    assert line.startswith("fastloss eval: ")
    assert said in line
    assert sorted(os.listdir()) == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--loss", "hubber"], "--loss: no loss is called 'hubber'; similar names: huber"),
        (["--beta", "1"], "huber has no --beta: it takes --delta"),
        (["--loss", "l1", "--beta", "1"], "absolute_error has no --beta: it takes no parameters"),
        (["--delta", "-1"], "huber: delta must be a number > 0 or inf, got -1.0"),
        (["--delta", "nan"], "huber: delta must be a number > 0 or inf, got nan"),
        (["--normalizer", "0"], "huber: normalizer must be a finite number > 0, got 0.0"),
        (["--normalizer", "2", "--reduction", "sum"], "normalizer is only allowed with reduction='mean'"),
        (["--weight", "other.npy"], "huber: weight must have pred's shape (40, 30) or broadcast to it"),
        (["--weight", "negative.npy"], "huber: weight must be a finite number >= 0, got -"),
        (["--where", "weight.npy"], "huber: where must hold booleans, got dtype float32"),
        (["--weight", "short.npy"], "cannot read short.npy: it is cut short"),
        (
            ["--loss-out", "loss.npy"],
            "--loss-out is only allowed with --reduction none, got --reduction mean",
        ),
    ],
    ids=lambda options: " ".join(options) if isinstance(options, list) else "",
)
def test_options_that_do_not_fit(evaluate, folder, options, said):
    make_unreadable()
    os.remove("pipe.npy")
    os.rmdir("folder.npy")
    (folder / "grad.npy").write_text("of an earlier run")
    before = listing(folder)
    status, *printed = evaluate("--grad-out", "grad.npy", "--force", *options)
    assert status == 2
    line = only_line(*printed)
    assert line.startswith(f"fastloss eval: {said}" if said.startswith("--") else "fastloss eval: ")
    assert said in line
    assert listing(folder) == before


def test_shapes_that_do_not_fit(evaluate):
    np.save("target", TARGET[:, :7])
    said = "fastloss eval: huber: target must have pred's shape (40, 30) or broadcast to it, got (40, 7)\n"
    assert evaluate() == (2, "", said)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--grad-out", "nowhere/grad.npy"], "cannot write nowhere/grad.npy: there is no folder "),
        (["--grad-out", "sub"], "--grad-out must name a file, got 'sub', a folder or a device"),
        (["--grad-out", "sub/"], "--grad-out must name a file, got 'sub/', a folder or a device"),
        (["--grad-out", "new/"], "--grad-out must name a file, got 'new/', a folder or a device"),
        (["--grad-out", ""], "--grad-out must name a file, got '', a folder or a device"),
        (["--grad-out", "pipe"], "--grad-out must name a file, got 'pipe', a folder or a device"),
        (
            ["--reduction", "none", "--grad-out", "out.npy", "--loss-out", "./out.npy"],
            "--loss-out and --grad-out must be two files, got the same",
        ),
    ],
)
def test_outputs_that_cannot_be_written(evaluate, folder, options, said):
    os.mkdir("sub")
    os.mkfifo("pipe")  # not a real device, which a failing test would replace
    before = sorted(os.listdir())
    status, *printed = evaluate(*options)
    assert status == 2
    assert only_line(*printed).startswith(f"fastloss eval: {said}")
    assert sorted(os.listdir()) == before
    assert stat.S_ISFIFO(os.stat("pipe").st_mode)


def test_a_folder_or_file_that_is_read_only(evaluate, no_unnamed_files, monkeypatch):
    def refuse(path, mode):
        assert mode == "x+b"
        raise PermissionError(errno.EACCES, "Permission denied", path)

    with monkeypatch.context() as folder:  # root may write to any
        real = open
        choose = lambda path, mode: (refuse if path.endswith(".part") else real)(path, mode)  # noqa: E731
        folder.setattr(npy, "open", choose, raising=False)
        said = "fastloss eval: cannot write grad.npy: Permission denied\n"
        assert evaluate("--grad-out", "grad.npy") == (2, "", said)
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    said = "fastloss eval: cannot write where.npy: it is read-only\n"
    assert evaluate("--grad-out", "where.npy", "--force") == (2, "", said)


def test_output_has_the_mode_of_a_new_file_and_a_link_stays(evaluate, folder):
    os.mkdir("sub")
    os.symlink("sub/real.npy", "link.npy")
    former = os.umask(0o027)
    try:
        assert evaluate("--grad-out", "link.npy")[0] == 0
    finally:
        os.umask(former)
    assert os.path.islink("link.npy")
    assert stat.S_IMODE(os.stat("sub/real.npy").st_mode) == 0o640
    assert np.load("sub/real.npy").shape == PRED.shape
    assert os.listdir("sub") == ["real.npy"]


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="no way to reserve disk space")
def test_disk_space_is_reserved_before_the_file_is_mapped(evaluate, folder, no_unnamed_files, monkeypatch):
    np.save("pred", np.zeros(1 << 18))
    np.save("target", np.zeros(1 << 18))
    taken = []

    def look(*arguments, **options):
        taken.extend(path.stat().st_blocks * 512 for path in folder.glob(".*"))
        raise ValueError("seen")

    monkeypatch.setattr(arrays, "evaluate", look)
    assert evaluate("--grad-out", "grad.npy") == (2, "", "fastloss eval: seen\n")
    assert len(taken) == 1
    assert taken[0] >= 8 << 18


def test_a_full_disk_is_told(evaluate, folder, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    before = listing(folder)
    monkeypatch.setattr(os, "posix_fallocate", full)
    said = "fastloss eval: cannot write grad.npy: No space left on device (4.8e-06 GB needed)\n"
    assert evaluate("--grad-out", "grad.npy") == (2, "", said)
    assert listing(folder) == before


def test_a_file_system_that_cannot_reserve_space_will_do(evaluate, monkeypatch):
    def cannot(*arguments):
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(os, "posix_fallocate", cannot)
    assert evaluate("--grad-out", "grad.npy")[0] == 0
    assert same_bits(np.load("grad.npy"), fastloss.huber.grad(PRED, TARGET))
