"""Evaluate losses over files, which may be larger than memory: arrays of any shape, or columns."""

import json
import os
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from math import isfinite
from typing import Any

from fastloss._cpu.launch import Progress
from fastloss._evaluate.sources.kinds import KINDS
from fastloss._evaluate.sources.source import by_roles
from fastloss._evaluate.table import Evaluation
from fastloss._evaluate.terms import Term, checked, term_of
from fastloss.commands import CommandError, arrays, columns

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
    by: list[str],
    **params: float | None,
) -> int:
    """Print the value or a table; write the gradient and the elements' losses to files if asked."""
    terms = _terms_of(loss, {name: value for name, value in params.items() if value is not None})
    paths = _paths_of(reduction, {"--loss-out": loss_out, "--grad-out": grad_out})
    if as_json and reduction == "none":
        raise CommandError("--json cannot be used with --reduction none, which has no table")
    operands = {"pred": pred, "target": target, "weight": weight, "where": where}
    operands |= zip(by_roles(len(by)), by, strict=True)
    columnar = len(files) != 2 or by or pred or target or skip_null or len(terms) > 1
    options = {"reduction": reduction, "normalizer": normalizer}
    with _plain_warnings(), _watched() as progress:
        if columnar or any(map(_has_columns, filter(None, [*files, weight, where]))):
            found = _columns(files, operands, terms, paths, force, progress, skip_null=skip_null, **options)
        else:
            given = dict(zip(("pred", "target"), files, strict=True)) | {"weight": weight, "where": where}
            found = arrays.evaluated(given, terms[0], paths, force, progress, as_json, **options)
    if found.skipped:
        print(f"fastloss eval: skipped rows with missing numbers: {found.skipped:,}", file=sys.stderr)
    if reduction != "none":
        _print(found, len(by), as_json)
    return 0


def _has_columns(text: str) -> bool:
    """Whether an operand is a column or a file of columns, rather than an array of any shape."""
    return columns.is_column(text) or KINDS.get(os.path.splitext(text)[1].lower(), "npy") != "npy"


def _terms_of(specs: list[str], options: dict[str, float]) -> list[Term]:
    """The losses to evaluate; only a single one may have parameters that are options of their own."""
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
        raise CommandError(f"{option} is only allowed with one --loss: write --loss {written}")
    if name not in first.loss.domains:
        known = " and ".join(map(_option, first.loss.domains)) or "no parameters"
        raise CommandError(f"{first.loss.name} has no {option}: it takes {known}")
    if name in first.params:
        raise CommandError(f"{option} is given twice, also in --loss {first.label}")


def _paths_of(reduction: str, given: dict[str, str | None]) -> dict[str, str]:
    """The files to write, by their options."""
    paths = {option: path for option, path in given.items() if path is not None}
    if reduction == "none" and not paths:
        raise CommandError(
            "--reduction none gives no single value: add --loss-out or --grad-out, or take mean or sum"
        )
    if reduction != "none" and "--loss-out" in paths:
        raise CommandError(f"--loss-out is only allowed with --reduction none, got --reduction {reduction}")
    return paths


def _message(error: Exception | str) -> str:
    """The message of an error of `fastloss.evaluate`, in the words of the command."""
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
    progress: Progress,
    **options: Any,
) -> Evaluation:
    """The table of columns of files."""
    try:
        return columns.evaluated(columns.Columns(files, operands), terms, paths, force, progress, **options)
    except (ImportError, TypeError, ValueError) as error:
        raise CommandError(_message(error)) from error


def _print(found: Evaluation, by: int, as_json: bool) -> None:
    """Print one value alone, else the table, whose first columns are that many of keys."""
    if as_json:
        keys = list(found)[:by]
        rows = [{name: _for_json(x, name in keys) for name, x in row.items()} for row in found.rows()]
        print(json.dumps(rows, default=str, allow_nan=False))
    elif by or len(found) > 2:
        print(found)
    else:
        print(repr(found.rows()[0][list(found)[-1]]))


def _for_json(x: Any, is_key: bool) -> Any:
    """None for a number that JSON does not have; a key becomes text instead, as null is the missing key."""
    if isinstance(x, float) and not isfinite(x):
        return str(x) if is_key else None
    return x


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Print each warning on one line, without the source line that raised it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RuntimeWarning)
        yield
    for each in caught:
        print(f"fastloss eval: {_message(each.message)}", file=sys.stderr)


@contextmanager
def _watched() -> Iterator[Progress]:
    """A report of progress that shows a bar, and ends the command if a signal has been received."""
    with Signals() as signals, closing(Bar()) as bar:

        def progress(done: int, size: int) -> None:
            signals.check()
            bar.show(done, size)

        yield progress


class Signals:
    """Holds back signals that end a process until `check`, so that no temporary file is left behind."""

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self.former: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "Signals":
        for number in ENDING:
            if signal.getsignal(number) not in (signal.SIG_IGN, None):  # what nohup ignores stays ignored
                with suppress(ValueError):  # only the main thread may set handlers
                    self.former[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.former.items():
            signal.signal(number, handler)

    def _receive(self, number: int, _: object) -> None:
        self.received = signal.Signals(number)

    def check(self) -> None:
        """End the command if a signal has been received."""
        if self.received == signal.SIGINT:
            raise KeyboardInterrupt
        if self.received is not None:
            raise SystemExit(128 + self.received)


class Bar:
    """Shows the progress of a pass on a terminal, if the pass is long and tqdm is installed."""

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
