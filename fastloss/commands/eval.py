"""Evaluate losses over files, which may be larger than memory: arrays of any shape, or columns."""

import json
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from typing import Any

import numpy as np

from fastloss._cpu.engine import evaluate
from fastloss._cpu.launch import Progress
from fastloss._evaluate.table import Evaluation
from fastloss._evaluate.terms import Term, checked, term_of
from fastloss._loss import Loss
from fastloss._rules.options import CALLS, Wanted
from fastloss._rules.request import Request
from fastloss.commands import CommandError, columns
from fastloss.commands.npy import Input, Output, check_apart

Array = np.ndarray[Any, Any]

LOOKED = 1 << 20  # elements looked at for NaN between two reports of progress
DELAY = 1.0  # seconds of work before a progress bar appears
ENDING = [each for each in signal.Signals if each.name in ("SIGINT", "SIGTERM", "SIGHUP")]


def run(
    files: list[str],
    loss: list[str],
    reduction: str,
    normalizer: float | None,
    skip_null: bool,
    as_json: bool,
    grad_out: str | None,
    loss_out: str | None,
    force: bool,
    pred: str | None,
    target: str | None,
    weight: str | None,
    where: str | None,
    by: str | None,
    **params: float | None,
) -> int:
    """Print the value or a table; write the gradient and the elements' losses to files if asked."""
    terms = _terms_of(loss, {name: value for name, value in params.items() if value is not None})
    paths = _paths_of(reduction, {"--loss-out": loss_out, "--grad-out": grad_out})
    operands = {"pred": pred, "target": target, "weight": weight, "where": where, "by": by}
    named = [*files, *filter(None, operands.values())]
    columnar = len(files) != 2 or by or pred or target or skip_null or as_json or len(terms) > 1
    options = {"reduction": reduction, "normalizer": normalizer}
    with _plain_warnings():
        if columnar or any("::" in each for each in named):
            found = _columns(files, operands, terms, paths, force, skip_null=skip_null, **options)
            _print(found, reduction, as_json)
            return 0
        arrays = dict(zip(("pred", "target"), files, strict=True)) | {"weight": weight, "where": where}
        value = _arrays(arrays, terms[0], paths, force, options)
    if value is not None:
        print(repr(value))
    return 0


def _terms_of(specs: list[str], options: dict[str, float]) -> list[Term]:
    """The losses; parameters that are options of their own go with a single one."""
    try:
        terms = [term_of(spec) for spec in specs]
        for name in options:
            _check_option(name, terms)
        return checked([Term(each.loss, each.params | options) for each in terms])
    except (TypeError, ValueError) as error:
        raise CommandError(f"--loss: {_message(error).removeprefix('loss: ')}") from error


def _check_option(name: str, terms: list[Term]) -> None:
    (first, *others), option = terms, _option(name)
    if others:
        written = f"{first.label}{',' if first.params else ':'}{name}=X"
        raise CommandError(f"{option} goes with one --loss: write --loss {written}")
    if name not in first.loss.domains:
        known = " and ".join(map(_option, first.loss.domains)) or "no parameters"
        raise CommandError(f"{first.loss.name} has no {option}, it takes {known}")
    if name in first.params:
        raise CommandError(f"{option} is given twice, the other time in --loss {first.label}")


def _paths_of(reduction: str, given: dict[str, str | None]) -> dict[str, str]:
    """The files to write, by their options."""
    paths = {option: path for option, path in given.items() if path is not None}
    if reduction == "none" and not paths:
        raise CommandError(
            "--reduction none gives no single value: add --loss-out or --grad-out, or take mean or sum"
        )
    if reduction != "none" and "--loss-out" in paths:
        raise CommandError(f"--loss-out goes with --reduction none only, got --reduction {reduction}")
    return paths


def _message(error: Exception | str) -> str:
    """What an error says of `fastloss.evaluate`, in the words of the command."""
    said = str(error).removeprefix("evaluate: ")
    return said.replace("skip_null=True leaves", "--skip-null leaves")


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _columns(
    files: list[str],
    operands: dict[str, str | None],
    terms: list[Term],
    paths: dict[str, str],
    force: bool,
    **options: Any,
) -> Evaluation:
    """The table of columns of files."""
    with _watched() as progress:
        try:
            found = columns.evaluated(
                columns.Columns(files, operands), terms, paths, force, progress, **options
            )
        except (ImportError, TypeError, ValueError) as error:
            raise CommandError(_message(error)) from error
    if found.skipped:
        print(f"fastloss eval: skipped rows with missing numbers: {found.skipped:,}", file=sys.stderr)
    return found


def _print(found: Evaluation, reduction: str, as_json: bool) -> None:
    """Print one value alone, else the table; nothing if there are only files."""
    if reduction == "none":
        return
    if as_json:
        # JSON has no NaN.
        rows = [{name: x if x == x else None for name, x in row.items()} for row in found.rows()]
        print(json.dumps(rows, default=str))
    elif next(iter(found)) == "count" and len(found) == 2:
        print(repr(found.rows()[0][list(found)[1]]))
    else:
        print(found)


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Tell of warnings in a line each, without the line of source that raised them."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RuntimeWarning)
        yield
    for each in caught:
        print(f"fastloss eval: {_message(each.message)}", file=sys.stderr)


@contextmanager
def _watched() -> Iterator[Progress]:
    """A report of progress that shows a bar, and ends the command if a signal has come."""
    with Signals() as signals, closing(Bar()) as bar:

        def progress(done: int, size: int) -> None:
            signals.check()
            bar.show(done, size)

        yield progress


def _arrays(
    paths: dict[str, str | None], term: Term, out: dict[str, str], force: bool, options: dict[str, Any]
) -> float | None:
    """Fill the outputs and return the value, if there is a single one, or leave no trace."""
    with ExitStack() as files:
        given = {name: path for name, path in paths.items() if path is not None}
        inputs = {name: files.enter_context(closing(Input(path))) for name, path in given.items()}
        outputs = {option: Output(option, path, inputs.values(), force) for option, path in out.items()}
        check_apart(outputs)
        arrays = dict.fromkeys(paths) | {name: each.array for name, each in inputs.items()}
        progress = files.enter_context(_watched())
        for output in outputs.values():
            files.callback(output.discard)
        new = {option: output.create(inputs["pred"].array) for option, output in outputs.items()}
        value = _value(term.loss, arrays | options | {"params": term.params}, new, progress)
        _check_nan(inputs, arrays, value, new, progress)
        new.clear()  # no array may hold a map that is to be closed
        for output in outputs.values():
            output.flush(progress)
        progress(1, 1)  # the last moment to stop
        for each in inputs.values():
            each.check_unchanged()
        for output in outputs.values():
            output.check()
        for output in outputs.values():
            output.publish()
    return value


def _check_nan(
    inputs: dict[str, Input],
    arrays: dict[str, Any],
    value: float | None,
    new: dict[str, Array],
    progress: Progress,
) -> None:
    """Refuse NaN in pred or target, which are looked for where a result is NaN."""
    if value == value and (value is not None or not any(_nan_in(x, None, progress) for x in new.values())):
        return
    where = arrays["where"]
    kept = None if where is None else np.broadcast_to(where, arrays["pred"].shape)
    found = []
    for name in ("pred", "target"):
        full = np.broadcast_to(arrays[name], arrays["pred"].shape)
        if count := _nan_in(full, kept, progress):
            found.append(f"{count:,} in {inputs[name].path}")
    if found:
        raise CommandError(f"numbers are missing (NaN): {', '.join(found)}; --skip-null leaves out such rows")


def _nan_in(x: Array, kept: Array | None, progress: Progress) -> int:
    """How many elements that are kept are NaN."""
    if x.dtype.kind != "f":
        return 0
    count = 0
    for lo in range(0, x.size, LOOKED):
        part = np.isnan(x.flat[lo : lo + LOOKED])
        count += int(np.count_nonzero(part if kept is None else part & kept.flat[lo : lo + LOOKED]))
        progress(min(lo + LOOKED, x.size), x.size)
    return count


def _value(
    loss: Loss, arguments: dict[str, Any], new: dict[str, Array], progress: Callable[[int, int], None]
) -> float | None:
    """The value, if it is to be printed, by one call of the engine, which fills the new arrays."""
    outs = new.get("--loss-out"), new.get("--grad-out"), None
    printed = arguments["reduction"] != "none"
    wanted = Wanted(value=printed or "--loss-out" in new, grad="--grad-out" in new)
    (call,) = (name for name, returned in CALLS.items() if returned == wanted)
    try:
        result = evaluate(Request(loss, call, **arguments, outs=outs), progress=progress)
    except (TypeError, ValueError) as error:
        raise CommandError(str(error)) from error
    return float(result[0] if wanted.grad else result) if printed else None


class Signals:
    """Holds the signals that end a process until `check`: none comes between a file and its removal."""

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self.former: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "Signals":
        for number in ENDING:
            if signal.getsignal(number) not in (signal.SIG_IGN, None):  # nohup stays in force
                with suppress(ValueError):  # only the main thread may set handlers
                    self.former[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.former.items():
            signal.signal(number, handler)

    def _receive(self, number: int, _: object) -> None:
        self.received = signal.Signals(number)

    def check(self) -> None:
        """End the command if a signal has come."""
        if self.received == signal.SIGINT:
            raise KeyboardInterrupt
        if self.received is not None:
            raise SystemExit(128 + self.received)


class Bar:
    """Shows on a terminal how far a pass is, if the pass is long and tqdm is installed."""

    def __init__(self) -> None:
        self.new: Any = None
        self.bar: Any = None
        if sys.stderr.isatty():
            with suppress(ImportError):
                from tqdm import tqdm

                self.new = tqdm

    def show(self, done: int, size: int) -> None:
        if self.new is None:
            return
        if self.bar is None or done <= self.bar.n:  # another pass has begun
            self.close()
            shape = "{percentage:3.0f}%|{bar}| {elapsed}<{remaining}"
            self.bar = self.new(total=size, delay=DELAY, leave=False, miniters=1, bar_format=shape)
        self.bar.update(done - self.bar.n)

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()
