"""Evaluate a loss over .npy files, which may be larger than memory."""

import errno
import mmap
import os
import signal
import stat
import sys
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from math import prod
from secrets import token_hex
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy

import fastloss
from fastloss import Loss
from fastloss._host import evaluate
from fastloss._launch import Progress
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
        raise CommandError("--reduction none gives no single value: add --loss-out or take mean or sum")
    if reduction != "none" and loss_out is not None:
        raise CommandError(f"--loss-out goes with --reduction none only, got --reduction {reduction}")
    outputs = _outputs(loss_out=loss_out, grad_out=grad_out)
    paths = {"pred": pred, "target": target, "weight": weight, "where": where}
    with _plain_warnings():
        arguments: dict[str, Any] = {
            name: path if path is None else _mapped(path) for name, path in paths.items()
        }
        arguments |= {"reduction": reduction, "normalizer": normalizer}
        value = _evaluate(chosen, arguments, given, outputs)
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


def _mapped(path: str) -> Array:
    """The array in a .npy file, mapped to memory, not read."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise ValueError("it is a folder or a device, not a file")
        with open(path, "rb") as file:
            shape, fortran, dtype = _header(file)
            size, needed = os.fstat(file.fileno()).st_size, file.tell() + prod(shape) * dtype.itemsize
            if needed > size:
                raise ValueError(f"it is cut short, {size:,} of {needed:,} bytes")
            return np.asarray(np.memmap(file, dtype, "r", file.tell(), shape, "F" if fortran else "C"))
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, OverflowError) as error:
        raise CommandError(f"cannot read {path}: {error}") from error


def _header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether it is in Fortran order, and type."""
    start = file.read(len(npy.MAGIC_PREFIX))
    if start != npy.MAGIC_PREFIX:
        hint = " but .npz: unzip it" if start.startswith(b"PK") else "" if start else " but empty"
        raise ValueError(f"it is no .npy file{hint}")
    file.seek(0)
    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    try:
        shape, fortran, dtype = read(file)
    except Exception as error:  # NumPy lets many kinds out, tokenize.TokenError too
        raise ValueError(f"its .npy header is damaged: {' '.join(str(error).split())}") from error
    if dtype.hasobject:
        raise ValueError("it holds Python objects, not numbers")
    return shape, fortran, dtype


class Output:
    """A .npy file that appears under its name only once it is whole."""

    def __init__(self, option: str, path: str) -> None:
        self.path, self.place = path, os.path.realpath(path)  # a link stays, what it points to is replaced
        folder = os.path.dirname(self.place)
        self.part = os.path.join(folder, f".fastloss-{token_hex(8)}.part")
        self.map: mmap.mmap
        exists = os.path.exists(self.place)
        if not os.path.basename(path) or (exists and not os.path.isfile(self.place)):
            raise CommandError(f"{option} must name a file, got {path!r}, a folder or a device")
        if exists and not os.access(self.place, os.W_OK):
            raise CommandError(f"cannot write {path}: it is read-only")
        if not os.path.isdir(folder):
            raise CommandError(f"cannot write {path}: there is no folder {folder}")

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

    def flush(self, progress: Progress) -> None:
        """Put it on the disk."""
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
            raise CommandError(f"cannot write {self.path}: {error.strerror}{detail * full}") from error


def _reserve(descriptor: int, size: int) -> None:
    """Take a file's disk space: on a full disk the first write to a mapped page would kill the process."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(descriptor, 0, size)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):  # a file system that can't
                raise


def _outputs(**paths: str | None) -> dict[str, Output]:
    """The files to write, by their options."""
    outputs = {name: Output(_option(name), path) for name, path in paths.items() if path is not None}
    if len({output.place for output in outputs.values()}) < len(outputs):
        raise CommandError(f"{' and '.join(map(_option, outputs))} must be two files, got the same")
    return outputs


def _evaluate(
    loss: Loss, arguments: dict[str, Any], params: dict[str, float], outputs: dict[str, Output]
) -> float | None:
    """Fill the outputs and return the value, if there is a single one, or leave no trace."""
    with Signals() as signals, closing(Bar()) as bar:

        def progress(done: int, size: int) -> None:
            signals.check()
            bar.show(done, size)

        try:
            new = {name: output.create(arguments["pred"]) for name, output in outputs.items()}
            value = _value(loss, arguments, params, new, progress)
            new.clear()  # no array may hold a map that is to be closed
            for output in outputs.values():
                output.flush(progress)
            signals.check()
            for output in outputs.values():
                output.publish()
            return value
        finally:
            for output in outputs.values():
                output.discard()


def _value(
    loss: Loss, arguments: dict[str, Any], params: dict[str, float], new: dict[str, Array], progress: Progress
) -> float | None:
    """The value, by one call of the engine, which fills the new arrays."""
    loss_out, grad_out = new.get("loss_out"), new.get("grad_out")
    call, outs = "value" if grad_out is None else "value_and_grad", (loss_out, grad_out, None)
    try:
        result = evaluate(loss, call, **arguments, params=params, progress=progress, outs=outs)
    except (TypeError, ValueError) as error:
        raise CommandError(str(error)) from error
    value = result if grad_out is None else result[0]
    return float(value) if loss_out is None else None


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
