"""Evaluate a loss over .npy files, which may be larger than memory."""

import errno
import mmap
import os
import signal
import stat
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from math import prod
from secrets import token_hex
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy

import fastloss
from fastloss import Loss
from fastloss._host import evaluate
from fastloss._operands import result_type
from fastloss.commands import CommandError

Array = np.ndarray[Any, Any]

DELAY = 1.0  # seconds of work before a progress bar appears
FLUSHED = 1 << 28  # bytes written to disk between two looks at the signals
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
    **params: float | None,
) -> int:
    """Print the value; write the gradient and the elements' losses to files if asked."""
    chosen = _loss_of(loss)
    given = _parameters_of(chosen, params)
    if reduction == "none" and loss_out is None:
        raise CommandError(
            "--reduction none has no single value: write the losses by --loss-out, or take another reduction"
        )
    if reduction != "none" and loss_out is not None:
        raise CommandError(f"--loss-out goes with --reduction none only, got --reduction {reduction}")
    outputs = _outputs(("--loss-out", loss_out), ("--grad-out", grad_out))
    with _plain_warnings():
        paths = pred, target, weight, where
        operands = [None if path is None else _mapped(path) for path in paths]
        value = _evaluate(chosen, operands, (reduction, normalizer), given, outputs)
    if reduction != "none":
        print(repr(float(value)))
    return 0


def _loss_of(name: str) -> Loss:
    try:
        return fastloss.get(name)
    except ValueError as error:
        raise CommandError(f"--loss: {str(error).removeprefix('get: ')}") from error


def _parameters_of(loss: Loss, options: dict[str, float | None]) -> dict[str, float]:
    """The parameters given, all of which the loss must have."""
    given = {name: value for name, value in options.items() if value is not None}
    for name in given.keys() - loss.domains.keys():
        known = " and ".join(map(_option, loss.domains)) or "no parameters"
        raise CommandError(f"{loss.name} has no {_option(name)}, it takes {known}")
    return given


def _option(parameter: str) -> str:
    return f"--{parameter.replace('_', '-')}"


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Tell of warnings in a line each, without the line of source that raised them."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RuntimeWarning)
        yield
    for each in caught:
        print(f"fastloss eval: {each.message}", file=sys.stderr)


def _mapped(path: str) -> Array:
    """The array in a .npy file, mapped to memory, not read."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise CommandError(f"cannot read {path}: it is a folder or a device, not a file")
        with open(path, "rb") as file:
            return _array_in(path, file)
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}") from error


def _array_in(path: str, file: BinaryIO) -> Array:
    start = file.read(len(npy.MAGIC_PREFIX))
    if start != npy.MAGIC_PREFIX:
        hint = " but .npz: unzip it" if start.startswith(b"PK") else "" if start else " but empty"
        raise CommandError(f"cannot read {path}: it is no .npy file{hint}")
    file.seek(0)
    size = os.fstat(file.fileno()).st_size
    try:
        shape, fortran, dtype = _header(file)
        needed = file.tell() + prod(shape) * dtype.itemsize
        if dtype.hasobject:
            raise CommandError(f"cannot read {path}: it holds Python objects, not numbers")
        if needed > size:
            raise CommandError(f"cannot read {path}: it is cut short, {size:,} of {needed:,} bytes")
        return np.asarray(np.memmap(file, dtype, "r", file.tell(), shape, "F" if fortran else "C"))
    except (CommandError, OSError):
        raise
    except Exception as error:  # NumPy lets many kinds out of a damaged header, tokenize.TokenError too
        reason = " ".join(str(error).split())
        raise CommandError(f"cannot read {path}: its .npy header is damaged: {reason}") from error


def _header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether it is in Fortran order, and type."""
    version = npy.read_magic(file)
    if version == (1, 0):
        return npy.read_array_header_1_0(file)
    if version == (2, 0):
        return npy.read_array_header_2_0(file)
    raise ValueError(f"format {version[0]}.{version[1]}, expected 1.0 or 2.0")  # 3.0 is for names of fields


class Output:
    """A .npy file that appears under its name only once it is whole."""

    def __init__(self, option: str, path: str) -> None:
        self.path = path
        self.place = os.path.realpath(path)  # a link stays, what it points to is replaced
        folder = os.path.dirname(self.place)
        self.part = os.path.join(folder, f".fastloss-{token_hex(8)}.part")
        self.map: mmap.mmap | None = None
        if not os.path.basename(path) or os.path.isdir(self.place):
            raise CommandError(f"{option} must name a file, got the folder {path!r}")
        if not os.path.isdir(folder):
            raise CommandError(f"cannot write {path}: there is no folder {folder}")
        if os.path.exists(self.place) and not os.path.isfile(self.place):
            raise CommandError(f"cannot write {path}: it is a device, not a file")
        if os.path.exists(self.place) and not os.access(self.place, os.W_OK):
            raise CommandError(f"cannot write {path}: it is read-only")

    def create(self, pred: Array) -> Array:
        """An array in a new file, of the shape, order and floating type of `pred`."""
        dtype, fortran = result_type(pred), bool(pred.flags.fnc)
        header = {"descr": npy.dtype_to_descr(dtype), "fortran_order": fortran, "shape": pred.shape}
        size = pred.size * dtype.itemsize
        with self._named_errors(f" ({size / 1e9:.3g} GB needed)"), open(self.part, "x+b") as file:
            npy.write_array_header_1_0(file, header)
            start = file.tell()
            file.truncate(start + size)
            _reserve(file.fileno(), start + size)
            self.map = mmap.mmap(file.fileno(), start + size)
        return np.ndarray(pred.shape, dtype, self.map, start, order="F" if fortran else "C")

    def flush(self, progress: "Progress") -> None:
        """Put it on the disk."""
        assert self.map is not None
        size = len(self.map)
        with self._named_errors():
            for lo in range(0, size, FLUSHED):
                hi = min(lo + FLUSHED, size)
                self.map.flush(lo, hi - lo)
                progress(hi, size)
        self.map.close()

    def publish(self) -> None:
        """Give it its name."""
        with self._named_errors():
            os.replace(self.part, self.place)

    def discard(self) -> None:
        """Remove what has not been published."""
        with suppress(OSError):
            os.remove(self.part)

    @contextmanager
    def _named_errors(self, detail: str = "") -> Iterator[None]:
        """Name the file that the user gave, not the temporary one."""
        try:
            yield
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", None))
            reason = f"{error.strerror}{detail if full else ''}"
            raise CommandError(f"cannot write {self.path}: {reason}") from error


def _reserve(descriptor: int, size: int) -> None:
    """Take a file's disk space: on a full disk the first write to a mapped page would kill the process."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(descriptor, 0, size)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):  # a file system that can't
                raise


def _outputs(*options: tuple[str, str | None]) -> dict[str, Output]:
    """The files to write by their options."""
    outputs = {option: Output(option, path) for option, path in options if path is not None}
    if len({output.place for output in outputs.values()}) < len(outputs):
        raise CommandError(f"{' and '.join(outputs)} must be two files, got the same")
    return outputs


def _evaluate(
    loss: Loss,
    operands: list[Any],
    options: tuple[str, float | None],
    params: dict[str, float],
    outputs: dict[str, Output],
) -> Any:
    """Fill the outputs and return the value, or leave no trace."""
    call = "value_and_grad" if "--grad-out" in outputs else "value"
    with Signals() as signals, Progress(signals) as progress:
        try:
            new = {option: output.create(operands[0]) for option, output in outputs.items()}
            outs = new.pop("--loss-out", None), new.pop("--grad-out", None), None
            try:
                result = evaluate(loss, call, *operands, *options, outs, params, progress=progress)
            except (TypeError, ValueError) as error:
                raise CommandError(str(error)) from error
            value = None if outs[0] is not None else result[0] if outs[1] is not None else result
            del outs, result  # which hold the maps
            for output in outputs.values():
                output.flush(progress)
            signals.check()
            for output in outputs.values():
                output.publish()
            return value
        finally:
            for output in outputs.values():
                output.discard()


class Signals:
    """Holds the signals that end a process until `check`: none comes between a file and its removal."""

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self.former: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "Signals":
        if threading.current_thread() is threading.main_thread():  # no other may set handlers
            for number in ENDING:
                if signal.getsignal(number) not in (signal.SIG_IGN, None):  # nohup stays in force
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


class Progress:
    """Shows how far each pass is, on a terminal, if the pass is long and tqdm is installed."""

    def __init__(self, signals: Signals) -> None:
        self.signals = signals
        self.new_bar: Any = None
        self.bar: Any = None
        if sys.stderr.isatty():
            with suppress(ImportError):
                from tqdm import tqdm

                self.new_bar = tqdm

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def __call__(self, done: int, size: int) -> None:
        self.signals.check()
        if self.new_bar is None:
            return
        if self.bar is None or done <= self.bar.n:  # another pass has begun
            self.__exit__()
            shape = "{percentage:3.0f}%|{bar}| {elapsed}<{remaining}"
            self.bar = self.new_bar(total=size, delay=DELAY, leave=False, miniters=1, bar_format=shape)
        self.bar.update(done - self.bar.n)
