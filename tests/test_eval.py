"""The command eval: a loss over .npy files."""

import errno
import os
import pty
import signal
import stat
import sys
import termios
import threading
from itertools import count

import numpy as np
import pytest
from numpy.lib.format import open_memmap

import fastloss
from fastloss import __main__, _launch
from fastloss.__main__ import main
from fastloss.commands import eval as command
from fastloss.losses import shipped
from tests.reference import PARAMETERS, elementwise
from tests.subprocesses import run_command, run_python

HUBER = ("--loss", "huber")
RNG = np.random.default_rng(7)
PRED, TARGET = (RNG.normal(0, 3, (40, 30)).astype(np.float32) for _ in range(2))
WEIGHT = RNG.random((40, 30), np.float32)
WHERE = RNG.random((40, 30)) < 0.5


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder with the usual inputs, to run in."""
    monkeypatch.chdir(tmp_path)
    for name, array in {"pred": PRED, "target": TARGET, "weight": WEIGHT, "where": WHERE}.items():
        np.save(name, array)
    return tmp_path


@pytest.fixture
def evaluate(capsys):
    """Run the command in this process: its status, what it printed and what it said to stderr."""

    def run(*options, files=("pred.npy", "target.npy"), loss=HUBER):
        status = main(["eval", *files, *loss, *options])
        return status, *capsys.readouterr()

    return run


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of a chunk, not of 2^24 elements."""
    monkeypatch.setattr(_launch, "WATCHED", 1 << 14)
    monkeypatch.setattr(_launch, "COPIED", 1 << 14)


def listing(folder):
    """Every file of a folder with its bytes."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def at_progress(monkeypatch, action, at=1):
    """Do something when the progress is told for that time."""
    calls = []

    def show(bar, done, size):
        calls.append((done, size))
        if len(calls) == at:
            action()

    monkeypatch.setattr(command.Bar, "show", show)
    return calls


def same_bits(a, b):
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


@pytest.mark.parametrize("name", shipped())
def test_value_and_gradient_are_those_in_memory(evaluate, name):
    params = PARAMETERS[name][-2:][0]
    options = [word for key, value in params.items() for word in (f"--{key}", repr(value))]
    status, out, err = evaluate("--grad-out", "grad.npy", *options, loss=("--loss", name))
    value, grad = shipped()[name].value_and_grad(PRED, TARGET, **params)
    assert (status, out, err) == (0, f"{value!r}\n", "")
    assert same_bits(np.load("grad.npy"), grad)
    assert value == pytest.approx(elementwise(name, PRED, TARGET, params)[0].mean(), rel=1e-6)


@pytest.mark.parametrize("dtype", ["f2", "f8", ">f4", "i4", "u1", "?"])
def test_types(evaluate, dtype):
    pred = np.arange(7).astype(dtype)
    np.save("a", pred)
    np.save("b", np.full(7, 2).astype(dtype))
    status, out, _ = evaluate("--grad-out", "grad.npy", files=("a.npy", "b.npy"))
    value, grad = fastloss.huber.value_and_grad(pred, np.full(7, 2).astype(dtype))
    assert (status, out) == (0, f"{value!r}\n")
    assert same_bits(np.load("grad.npy"), grad)


@pytest.mark.parametrize(
    ("options", "keywords"),
    [
        (["--reduction", "sum"], {"reduction": "sum"}),
        (["--normalizer", "7.5"], {"normalizer": 7.5}),
        (["--weight", "weight.npy"], {"weight": WEIGHT}),
        (["--weight", "weight.npy", "--where", "where.npy"], {"weight": WEIGHT, "where": WHERE}),
        (["--where", "where.npy", "--reduction", "sum"], {"where": WHERE, "reduction": "sum"}),
    ],
    ids=lambda options: " ".join(options),
)
def test_options(evaluate, options, keywords):
    status, out, _ = evaluate("--grad-out", "grad.npy", *options)
    value, grad = fastloss.huber.value_and_grad(PRED, TARGET, **keywords)
    assert (status, out) == (0, f"{value!r}\n")
    assert same_bits(np.load("grad.npy"), grad)
    assert value != fastloss.huber(PRED, TARGET)


def test_value_alone_makes_no_file(evaluate, folder):
    before = listing(folder)
    assert evaluate(loss=("--loss", "Huber-Loss")) == (0, f"{fastloss.huber(PRED, TARGET)!r}\n", "")
    assert listing(folder) == before


def test_elements_go_to_a_file_and_nothing_is_printed(evaluate):
    files = "--loss-out", "loss.npy", "--grad-out", "grad.npy"
    assert evaluate("--reduction", "none", *files) == (0, "", "")
    losses, grad = fastloss.huber.value_and_grad(PRED, TARGET, reduction="none")
    assert same_bits(np.load("loss.npy"), losses)
    assert same_bits(np.load("grad.npy"), grad)
    assert evaluate("--reduction", "none", "--loss-out", "grad.npy") == (0, "", "")
    assert same_bits(np.load("grad.npy"), losses)


@pytest.mark.parametrize("swapped", [False, True], ids=["both", "pred only"])
def test_gradient_of_a_fortran_file_lies_as_the_file(evaluate, swapped):
    np.save("pred", np.asfortranarray(PRED))
    np.save("target", TARGET if swapped else np.asfortranarray(TARGET))
    value, grad = fastloss.huber.value_and_grad(np.asfortranarray(PRED), np.load("target.npy"))
    assert evaluate("--grad-out", "grad.npy")[:2] == (0, f"{value!r}\n")
    written = np.load("grad.npy")
    assert written.flags.fnc
    assert same_bits(written, grad)


@pytest.mark.parametrize("dtype", ["f4", "f2"])
def test_blocks_have_the_bits_of_one_launch(evaluate, small_blocks, monkeypatch, dtype):
    pred, target = (RNG.normal(size=(7, 30011)).astype(dtype) for _ in range(2))
    weight = RNG.random(30011).astype("f4")
    for name, array in {"pred": pred, "target": target, "weight": weight}.items():
        np.save(name, array)
    with monkeypatch.context() as usual:
        usual.setattr(_launch, "COPIED", 1 << 17)
        value, grad = fastloss.huber.value_and_grad(pred, target, weight=weight)
    calls = at_progress(monkeypatch, lambda: None)
    status, out, _ = evaluate("--weight", "weight.npy", "--grad-out", "grad.npy")
    assert (status, out) == (0, f"{value!r}\n")
    assert same_bits(np.load("grad.npy"), grad)
    data = [done for done, size in calls if size == pred.size]
    assert data[-13:] == [*(k << 14 for k in range(1, 13)), pred.size]


@pytest.mark.parametrize("shape", [(0,), (3, 0), ()])
def test_empty_and_scalar_files(evaluate, shape):
    np.save("a", np.full(shape, 3.0))
    np.save("b", np.full(shape, 1.0))
    status, out, err = evaluate("--reduction", "sum", "--grad-out", "grad.npy", files=("a.npy", "b.npy"))
    assert (status, out, err) == (0, "0.0\n" if 0 in shape else "1.5\n", "")
    assert same_bits(np.load("grad.npy"), np.ones(shape))


def test_warnings_are_a_plain_line(evaluate):
    np.save("pred", np.zeros(0))
    np.save("target", np.zeros(0))
    said = "fastloss eval: huber: the mean over no elements is NaN\n"
    assert evaluate() == (0, "nan\n", said)


def raw(name, change):
    """A file made of pred's by changing its bytes."""
    with open("pred.npy", "rb") as file:
        data = file.read()
    with open(name, "wb") as file:
        file.write(change(data))


def make_unreadable():
    np.savez("zipped.npz", PRED)
    np.save("objects.npy", np.array([None]))
    np.save("complex.npy", PRED.astype(complex))
    np.save("text.npy", np.array(["1.5"]))
    np.save("fields.npy", np.zeros(3, [("x", "f4")]))
    np.save("other.npy", np.zeros(7))
    np.save("negative.npy", -WEIGHT)
    raw("empty.npy", lambda data: b"")
    raw("words.npy", lambda data: b"1.5 2.5 3.5\n" * 20)
    raw("short.npy", lambda data: data[:1000])
    raw("header.npy", lambda data: data[:50])
    raw("syntax.npy", lambda data: data.replace(b"(40, 30)", b"(40, 30("))
    raw("magic.npy", lambda data: data[:7])
    os.mkdir("folder.npy")
    os.mkfifo("pipe.npy")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("missing.npy", "cannot read missing.npy: No such file or directory"),
        ("zipped.npz", "cannot read zipped.npz: it is no .npy file but .npz: unzip it"),
        ("empty.npy", "cannot read empty.npy: it is no .npy file but empty"),
        ("words.npy", "cannot read words.npy: it is no .npy file"),
        ("short.npy", "cannot read short.npy: it is cut short, 1,000 of 4,928 bytes"),
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
    status, out, err = evaluate("--grad-out", "grad.npy", files=(name, "target.npy"))
    assert (status, out) == (2, "")
    assert err.startswith("fastloss eval: ")
    assert err.count("\n") == 1
    assert said in err
    assert sorted(os.listdir()) == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--loss", "hubber"], "--loss: no loss is called 'hubber'; near names: huber"),
        (["--beta", "1"], "huber has no --beta, it takes --delta"),
        (["--loss", "l1", "--beta", "1"], "absolute_error has no --beta, it takes no parameters"),
        (["--delta", "-1"], "huber: delta must be a number > 0 or inf, got -1.0"),
        (["--delta", "nan"], "huber: delta must be a number > 0 or inf, got nan"),
        (["--normalizer", "0"], "huber: normalizer must be a finite number > 0, got 0.0"),
        (["--normalizer", "2", "--reduction", "sum"], "normalizer goes with reduction='mean' only"),
        (["--weight", "other.npy"], "huber: weight must have pred's shape (40, 30) or broadcast to it"),
        (["--weight", "negative.npy"], "huber: weight must be a finite number >= 0, got -"),
        (["--where", "weight.npy"], "huber: where must hold booleans, got dtype float32"),
        (["--weight", "short.npy"], "cannot read short.npy: it is cut short"),
        (["--reduction", "none"], "--reduction none gives no single value: add --loss-out or take mean"),
        (["--loss-out", "loss.npy"], "--loss-out goes with --reduction none only, got --reduction mean"),
    ],
    ids=lambda options: " ".join(options) if isinstance(options, list) else "",
)
def test_options_that_do_not_fit(evaluate, folder, options, said):
    make_unreadable()
    os.remove("pipe.npy")
    os.rmdir("folder.npy")
    (folder / "grad.npy").write_text("of an earlier run")
    before = listing(folder)
    status, out, err = evaluate("--grad-out", "grad.npy", *options)
    assert (status, out) == (2, "")
    assert err.startswith(f"fastloss eval: {said}" if said.startswith("--") else "fastloss eval: ")
    assert err.count("\n") == 1
    assert said in err
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
    status, out, err = evaluate(*options)
    assert (status, out) == (2, "")
    assert err.startswith(f"fastloss eval: {said}")
    assert err.count("\n") == 1
    assert sorted(os.listdir()) == before
    assert stat.S_ISFIFO(os.stat("pipe").st_mode)


def test_a_folder_or_file_that_is_read_only(evaluate, monkeypatch):
    def refuse(path, mode):
        assert mode == "x+b"
        raise PermissionError(errno.EACCES, "Permission denied", path)

    with monkeypatch.context() as folder:  # root may write to any
        real = open
        choose = lambda path, mode: (refuse if path.endswith(".part") else real)(path, mode)  # noqa: E731
        folder.setattr(command, "open", choose, raising=False)
        said = "fastloss eval: cannot write grad.npy: Permission denied\n"
        assert evaluate("--grad-out", "grad.npy") == (2, "", said)
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    said = "fastloss eval: cannot write pred.npy: it is read-only\n"
    assert evaluate("--grad-out", "pred.npy") == (2, "", said)


def test_gradient_may_replace_an_input(evaluate):
    value, grad = fastloss.huber.value_and_grad(PRED, TARGET)
    assert evaluate("--grad-out", "pred.npy")[:2] == (0, f"{value!r}\n")
    assert same_bits(np.load("pred.npy"), grad)


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
def test_disk_space_is_reserved_before_the_file_is_mapped(evaluate, folder, monkeypatch):
    np.save("pred", np.zeros(1 << 18))
    np.save("target", np.zeros(1 << 18))
    taken = []

    def look(*arguments, **options):
        taken.extend(path.stat().st_blocks * 512 for path in folder.glob(".*"))
        raise ValueError("seen")

    monkeypatch.setattr(command, "evaluate", look)
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


@pytest.mark.parametrize("at", [1, 2, 3], ids=["in the weights", "in the data", "in the flush"])
@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_an_interrupted_run_leaves_no_trace(evaluate, folder, monkeypatch, number, status, at):
    (folder / "grad.npy").write_text("of an earlier run")
    before = listing(folder)
    calls = at_progress(monkeypatch, lambda: signal.raise_signal(number), at)
    argv = ["--weight", "weight.npy", "--grad-out", "grad.npy"]
    former = signal.signal(number, lambda *_: calls.append("not held"))  # instead of the end of pytest
    handler = signal.getsignal(number)
    try:
        if number == signal.SIGINT:
            assert evaluate(*argv) == (status, "", "")
        else:
            with pytest.raises(SystemExit) as stop:
                evaluate(*argv)
            assert stop.value.code == status
        assert signal.getsignal(number) is handler
    finally:
        signal.signal(number, former)
    assert len(calls) == at
    assert listing(folder) == before


def test_no_signal_comes_between_two_outputs(evaluate, folder, monkeypatch):
    replace, before = os.replace, listing(folder).keys()

    def interrupted(old, new):
        signal.raise_signal(signal.SIGINT)
        replace(old, new)

    monkeypatch.setattr(os, "replace", interrupted)
    files = "--loss-out", "loss.npy", "--grad-out", "grad.npy"
    assert evaluate("--reduction", "none", *files)[0] == 0
    assert listing(folder).keys() == before | {"loss.npy", "grad.npy"}


def test_a_hangup_that_is_ignored_stays_so(evaluate, monkeypatch):
    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        at_progress(monkeypatch, lambda: signal.raise_signal(signal.SIGHUP))
        assert evaluate("--grad-out", "grad.npy")[0] == 0
    finally:
        signal.signal(signal.SIGHUP, former)


def test_a_thread_may_run_the_command(evaluate):
    found = []
    thread = threading.Thread(target=lambda: found.append(evaluate("--grad-out", "grad.npy")[0]))
    thread.start()
    thread.join()
    assert found == [0]


def test_a_process_ends_with_the_signals_status(folder):
    before = listing(folder)
    interrupting = """
import os, signal
from fastloss.commands import eval as command
command.Bar.show = lambda *_: os.kill(os.getpid(), signal.SIGTERM)
"""
    argv = "eval", "pred.npy", "target.npy", *HUBER, "--grad-out", "grad.npy"
    result = run_command(*argv, before=interrupting, cwd=folder)
    assert (result.returncode, result.stdout, result.stderr) == (143, "", "")
    assert listing(folder) == before


@pytest.fixture
def shown(evaluate, monkeypatch):
    """Run the command with a terminal as stderr; return what appears there."""

    def run(*options):
        ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (24, 80))
        text = ""
        with os.fdopen(theirs, "w") as stderr, monkeypatch.context() as patch:
            patch.setattr(sys, "stderr", stderr)
            assert evaluate("--grad-out", "grad.npy", *options)[0] == 0
            print("END", end="", file=stderr, flush=True)
            while not text.endswith("END"):
                text += os.read(ours, 1 << 16).decode()
        os.close(ours)
        return text.removesuffix("END")

    return run


def test_long_work_shows_its_progress_on_a_terminal(shown, small_blocks, monkeypatch):
    np.save("pred", np.zeros(1 << 16, np.float32))
    np.save("target", np.zeros(1 << 16, np.float32))
    clock = count()  # seconds that pass between two looks at it
    monkeypatch.setattr("tqdm.std.time", lambda: float(next(clock)))
    text = shown()
    assert all(f"{percent}%|" in text for percent in (25, 50, 75, 100))
    assert "\n" not in text
    assert text.endswith("\r")
    assert text.split("\r")[-2].strip() == ""


def test_short_work_shows_none(shown):
    assert shown() == ""


def test_without_tqdm_there_is_none(shown, monkeypatch):
    monkeypatch.setattr(command, "DELAY", 0)
    assert shown() != ""
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert shown() == ""


def test_without_a_terminal_there_is_none(evaluate, monkeypatch):
    monkeypatch.setattr(command, "DELAY", 0)
    assert evaluate("--grad-out", "grad.npy")[2] == ""


def test_every_pass_has_a_bar_of_its_own(monkeypatch):
    class Recorder:
        def __init__(self, total, **_):
            self.total, self.n, self.closed = total, 0, False
            bars.append(self)

        def update(self, more):
            self.n += more

        def close(self):
            self.closed = True

    bars = []
    bar = command.Bar()
    bar.new = Recorder
    for done, size in [(5, 9), (9, 9), (9, 9), (2, 4), (4, 4)]:
        bar.show(done, size)
    bar.close()
    assert [(each.n, each.total, each.closed) for each in bars] == [(9, 9, True), (9, 9, True), (4, 4, True)]


def test_a_new_loss_has_its_options_by_itself(monkeypatch):
    @fastloss.loss(tail_index=fastloss.real())
    def new(pred, target, tail_index):
        return pred, target, tail_index

    monkeypatch.setattr(__main__, "shipped", lambda: {"new": new})
    words = ["eval", "a", "b", "--loss", "new", "--tail-index", "-2.5"]
    assert __main__._parser().parse_args(words).tail_index == -2.5


def test_the_parser_loads_neither_the_command_nor_a_compiler():
    names = "{'fastloss.commands.eval', 'numba', 'tqdm'}"
    code = "import sys\nfrom fastloss.__main__ import _parser\n_parser()"
    result = run_python(f"{code}\nassert not {names} & sys.modules.keys()")
    assert result.returncode == 0, result.stderr


SIZE = 1 << 27  # elements: 512 MiB of float32
LIMIT = 3 * 4 * SIZE // 4  # a quarter of pred, target and gradient


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts mapped files apart")
def test_files_four_times_as_large_as_memory(folder):
    for name, ones in {"pred": 3.0, "target": 0.0}.items():
        array = open_memmap(f"{name}.npy", mode="w+", dtype=np.float32, shape=(SIZE,))
        array[:: 1 << 20] = ones  # the rest are holes in the file
        array.flush()
        del array
    limited = f"import resource\nresource.setrlimit(resource.RLIMIT_DATA, ({LIMIT}, {LIMIT}))"
    argv = "eval", "pred.npy", "target.npy", *HUBER, "--grad-out", "grad.npy", "--reduction", "sum"
    try:
        result = run_command(*argv, before=limited, cwd=folder, env={"NUMBA_NUM_THREADS": "2"})
        assert (result.returncode, result.stdout, result.stderr) == (0, f"{128 * 2.5}\n", "")
        grad = open_memmap("grad.npy", mode="r")
        assert grad.shape == (SIZE,)
        assert (grad[:: 1 << 20] == 1).all()
        assert not grad[1 :: 1 << 20].any()
    finally:
        for name in ("pred.npy", "target.npy", "grad.npy"):
            (folder / name).unlink(missing_ok=True)
