"""The command eval gives the same results as the call on arrays in memory."""

import sys

import numpy as np
import pytest
from numpy.lib.format import open_memmap

import fastloss
from fastloss import __main__
from fastloss._definition.drawing import drawn
from fastloss.losses import shipped
from tests.exact import REFERENCES
from tests.reference import different_in_kind, elementwise
from tests.subprocesses import run_command, run_python

from .inputs import HUBER, PRED, RNG, TARGET, WEIGHT, WHERE, at_progress, listing, same_bits


@pytest.mark.parametrize("name", different_in_kind())
def test_value_and_gradient_are_those_in_memory(evaluate, name):
    loss, params = shipped()[name], REFERENCES[name].choices[-2:][0]
    pred, target = drawn(loss, RNG, PRED.shape, np.float32, 3.0)
    np.save("pred", pred)
    np.save("target", target)
    options = [f"--{key.replace('_', '-')}={value!r}" for key, value in params.items()]
    status, out, err = evaluate("--grad-out", "grad.npy", *options, loss=("--loss", name))
    value, grad = loss.value_and_grad(pred, target, **params)
    assert (status, out, err) == (0, f"{value!r}\n", "")
    assert same_bits(np.load("grad.npy"), grad)
    elements = elementwise(name, pred, target, params)[0]
    assert value == pytest.approx(elements.mean(), rel=0, abs=1e-6 * abs(elements).mean())


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


def test_the_gradients_of_elements_need_no_file_of_losses(evaluate, folder):
    before = listing(folder).keys()
    assert evaluate("--reduction", "none", "--grad-out", "grad.npy") == (0, "", "")
    assert same_bits(np.load("grad.npy"), fastloss.huber.grad(PRED, TARGET, reduction="none"))
    assert listing(folder).keys() == before | {"grad.npy"}
    status, out, err = evaluate("--reduction", "none")
    assert (status, out) == (2, "")
    assert "--reduction none gives no single value: add --loss-out or --grad-out, or take mean" in err


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


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux does the limit exclude mapped files")
def test_files_four_times_as_large_as_memory(folder):
    for name, ones in {"pred": 3.0, "target": 0.0}.items():
        array = open_memmap(f"{name}.npy", mode="w+", dtype=np.float32, shape=(SIZE,))
        array[:: 1 << 20] = ones  # the file is sparse elsewhere
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
