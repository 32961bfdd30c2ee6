"""Evaluate a loss over .npy files, which may be larger than memory."""

import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from typing import Any

import numpy as np

import fastloss
from fastloss import Loss
from fastloss._cpu.engine import evaluate
from fastloss._rules.options import CALLS, Wanted
from fastloss._rules.request import Request
from fastloss.commands import CommandError
from fastloss.commands.npy import Input, Output

Array = np.ndarray[Any, Any]

DELAY = 1.0  # seconds of work before a progress bar appears
ENDING = [each for each in signal.Signals if each.name in ("SIGINT", "SIGTERM", "SIGHUP")]


def run(
    pred: str,
    target: str,
    loss: str,
    weight: str | None,
    where: str | None,
    reduction: str,
    normalizer: float | None,
    grad_out: str | None,
    loss_out: str | None,
    force: bool,
    **params: float | None,
) -> int:
    """Print the value; write the gradient and the elements' losses to files if asked."""
    chosen = _loss_of(loss)
    given = _parameters_of(chosen, params)
    if reduction == "none" and loss_out is grad_out is None:
        raise CommandError(
            "--reduction none gives no single value: add --loss-out or --grad-out, or take mean or sum"
        )
    if reduction != "none" and loss_out is not None:
        raise CommandError(f"--loss-out goes with --reduction none only, got --reduction {reduction}")
    paths = {"pred": pred, "target": target, "weight": weight, "where": where}
    with _plain_warnings(), ExitStack() as files:
        given_paths = {name: path for name, path in paths.items() if path is not None}
        inputs = {name: files.enter_context(closing(Input(path))) for name, path in given_paths.items()}
        outputs = _outputs(inputs, force, loss_out=loss_out, grad_out=grad_out)
        value = _evaluate(chosen, given, reduction, normalizer, inputs, outputs)
    if value is not None:
        print(repr(value))
    return 0


def _loss_of(name: str) -> Loss:
    try:
        return fastloss.get(name)
    except ValueError as error:
        raise CommandError(f"--loss: {str(error).removeprefix('get: ')}") from error


def _parameters_of(loss: Loss, options: dict[str, float | None]) -> dict[str, float]:
    """The parameters given, all of which the loss must have."""
    given = {name: value for name, value in options.items() if value is not None}
    for name in given:
        if name not in loss.domains:
            known = " and ".join(map(_option, loss.domains)) or "no parameters"
            raise CommandError(f"{loss.name} has no {_option(name)}, it takes {known}")
    return given


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Tell of warnings in a line each, without the line of source that raised them."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RuntimeWarning)
        yield
    for each in caught:
        print(f"fastloss eval: {each.message}", file=sys.stderr)


def _outputs(inputs: dict[str, Input], force: bool, **paths: str | None) -> dict[str, Output]:
    """The files to write, by their options."""
    outputs = {
        name: Output(_option(name), path, inputs.values(), force)
        for name, path in paths.items()
        if path is not None
    }
    if len({output.place for output in outputs.values()}) < len(outputs):
        raise CommandError(f"{' and '.join(map(_option, outputs))} must be two files, got the same")
    return outputs


def _evaluate(
    loss: Loss,
    params: dict[str, float],
    reduction: str,
    normalizer: float | None,
    inputs: dict[str, Input],
    outputs: dict[str, Output],
) -> float | None:
    """Fill the outputs and return the value, if there is a single one, or leave no trace."""
    arrays = dict.fromkeys(("pred", "target", "weight", "where")) | {
        name: each.array for name, each in inputs.items()
    }
    with Signals() as signals, closing(Bar()) as bar:

        def progress(done: int, size: int) -> None:
            signals.check()
            bar.show(done, size)

        options = {"reduction": reduction, "normalizer": normalizer, "params": params}
        try:
            new = {name: output.create(inputs["pred"].array) for name, output in outputs.items()}
            value = _value(loss, arrays | options, new, progress)
            new.clear()  # no array may hold a map that is to be closed
            for output in outputs.values():
                output.flush(progress)
            signals.check()
            for each in inputs.values():
                each.check_unchanged()
            for output in outputs.values():
                output.check()
            for output in outputs.values():
                output.publish()
            return value
        finally:
            for output in outputs.values():
                output.discard()


def _value(
    loss: Loss, arguments: dict[str, Any], new: dict[str, Array], progress: Callable[[int, int], None]
) -> float | None:
    """The value, if it is to be printed, by one call of the engine, which fills the new arrays."""
    outs = new.get("loss_out"), new.get("grad_out"), None
    printed = arguments["reduction"] != "none"
    wanted = Wanted(value=printed or "loss_out" in new, grad="grad_out" in new)
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
