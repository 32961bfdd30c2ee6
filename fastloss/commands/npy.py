"""Reading and writing .npy files through memory maps, with errors of one line."""

import errno
import mmap
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from math import prod
from secrets import token_hex
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy

from fastloss._cpu.launch import Progress
from fastloss._evaluate.sources.header import header
from fastloss._rules.arrays import result_type
from fastloss.commands import CommandError, check_replaceable

Array = np.ndarray[Any, Any]

FLUSHED = 1 << 28  # bytes written to disk between two reports of progress


class Input:
    """A .npy file to read, mapped to memory.

    Attributes
    ----------
    array : ndarray
    stat : os.stat_result
        The identity and state of the file when it was opened.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            if not stat.S_ISREG(os.stat(path).st_mode):
                raise ValueError("it is a folder or a device, not a file")
            with ExitStack() as undone:
                self._file = undone.enter_context(open(path, "rb"))
                self.stat = os.fstat(self._file.fileno())
                self.array = _mapped(self._file, self.stat.st_size)
                undone.pop_all()  # the file stays open, for `check_unchanged`
        except OSError as error:
            raise CommandError(f"cannot read {path}: {error.strerror}") from error
        except (ValueError, OverflowError) as error:
            raise CommandError(f"cannot read {path}: {error}") from error

    def check_unchanged(self) -> None:
        """Raise an error if the file has been written to since, whatever name it has now."""
        refuse_change(self.path, self.stat, os.fstat(self._file.fileno()))

    def close(self) -> None:
        """Close the file; the array stays mapped."""
        self._file.close()


def refuse_change(path: str, then: os.stat_result, now: os.stat_result) -> None:
    """Refuse a file whose size or time of modification has changed since before it was read."""
    if (now.st_size, now.st_mtime_ns) != (then.st_size, then.st_mtime_ns):
        raise CommandError(f"{path} was written to while it was read")


def _mapped(file: BinaryIO, size: int) -> Array:
    shape, fortran, dtype = header(file)
    needed = file.tell() + prod(shape) * dtype.itemsize
    if needed > size:
        raise ValueError(f"it is cut short: {size:,} of {needed:,} bytes")
    return np.asarray(np.memmap(file, dtype, "r", file.tell(), shape, "F" if fortran else "C"))


class Output:
    """A .npy file that gets its name only when it is complete.

    Parameters
    ----------
    option, path : str
    inputs : list of Input
        Files that it must not replace.
    force : bool
        Whether it may replace another file.
    """

    def __init__(self, option: str, path: str, inputs: Iterable[Input], force: bool) -> None:
        self.option, self.path, self.force = option, path, force
        self.inputs = {each.path: each.stat for each in inputs}
        self.place = os.path.realpath(path)  # a symbolic link is kept, its target is replaced
        folder = os.path.dirname(self.place)
        self.part = os.path.join(folder, f".fastloss-{token_hex(8)}.part")
        self.map: mmap.mmap
        self.file: BinaryIO | None = None
        self._unnamed = False
        exists = os.path.exists(self.place)
        if not os.path.basename(path) or (exists and not os.path.isfile(self.place)):
            raise CommandError(f"{option} must name a file, got {path!r}, a folder or a device")
        check_replaceable(option, path, self.inputs, force)
        if exists and not os.access(self.place, os.W_OK):
            raise CommandError(f"cannot write {path}: it is read-only")
        if not os.path.isdir(folder):
            raise CommandError(f"cannot write {path}: there is no folder {folder}")

    def create(self, pred: Array) -> Array:
        """Return an array in a new file, of the shape, order and floating-point type of `pred`."""
        dtype, fortran = result_type(pred), bool(pred.flags.fnc)
        header = {"descr": npy.dtype_to_descr(dtype), "fortran_order": fortran, "shape": pred.shape}
        size = pred.size * dtype.itemsize
        with self._named_errors(f" ({size / 1e9:.3g} GB needed)"):
            file = self.begun()
            npy.write_array_header_1_0(file, header)
            start = file.tell()
            file.truncate(start + size)
            _reserve(file.fileno(), start + size)
            self.map = mmap.mmap(file.fileno(), start + size)
        return np.ndarray(pred.shape, dtype, self.map, start, order="F" if fortran else "C")

    def begun(self) -> BinaryIO:
        """Open the new file, without a name where the system allows: a killed process leaves none behind."""
        if hasattr(os, "O_TMPFILE") and os.path.isdir("/proc/self/fd"):
            with suppress(OSError):  # not every file system has such files
                descriptor = os.open(os.path.dirname(self.part), os.O_RDWR | os.O_TMPFILE, 0o666)
                self._unnamed, self.file = True, os.fdopen(descriptor, "w+b")
                return self.file
        self.file = open(self.part, "x+b")  # noqa: SIM115
        return self.file

    def flush(self, progress: Progress) -> None:
        """Flush the file to disk."""
        size = len(self.map)
        with self._named_errors():
            for lo in range(0, size, FLUSHED):
                hi = min(lo + FLUSHED, size)
                self.map.flush(lo, hi - lo)
                progress(hi, size)
        self.map.close()

    def check(self) -> None:
        """Raise an error if a file is in the way that was not there at first."""
        check_replaceable(self.option, self.place, self.inputs, self.force)

    def publish(self) -> None:
        """Give the file its name."""
        with self._named_errors():
            if self._unnamed:
                self._name(self.part if self.force else self.place)
            if self.file is not None:
                self.file.close()  # Windows renames no open file
            if self.force:
                with suppress(OSError):  # there is no such file, or it has no modes
                    os.chmod(self.part, stat.S_IMODE(os.stat(self.place).st_mode))
                os.replace(self.part, self.place)
            if self.force or self._unnamed:
                return
            try:
                os.link(self.part, self.place)  # unlike renaming, this never replaces a file
            except FileExistsError:
                raise
            except OSError:  # a file system without links
                os.replace(self.part, self.place)

    def _name(self, path: str) -> None:
        assert self.file is not None
        descriptor = self.file.fileno()
        # With src_dir_fd, which has no effect on an absolute path, Python follows the symbolic link.
        os.link(f"/proc/self/fd/{descriptor}", path, src_dir_fd=descriptor)

    def discard(self) -> None:
        """Remove what has not been published."""
        if self.file is not None:
            with suppress(OSError):
                self.file.close()
        with suppress(OSError):
            os.remove(self.part)

    @contextmanager
    def _named_errors(self, detail: str = "") -> Iterator[None]:
        """In errors, name the file that the user gave, not the temporary one."""
        try:
            yield
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", None))
            raise CommandError(f"cannot write {self.path}: {error.strerror}{detail * full}") from error


def publish(outputs: Mapping[str, Output], inputs: Iterable[Any], progress: Progress) -> None:
    """Give all outputs their names, unless `check_unchanged` finds that an input has been written to."""
    progress(1, 1)  # the last moment at which a signal can stop the command
    for each in inputs:
        each.check_unchanged()
    for output in outputs.values():
        output.check()
    for output in outputs.values():
        output.publish()


def check_apart(outputs: Mapping[str, Output]) -> None:
    """Refuse two options whose outputs are the same file."""
    if len({output.place for output in outputs.values()}) < len(outputs):
        raise CommandError(f"{' and '.join(outputs)} must be two files, got the same")


def _reserve(descriptor: int, size: int) -> None:
    """Reserve a file's disk space: on a full disk, a first write to a mapped page would kill the process."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(descriptor, 0, size)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):  # not supported by the file system
                raise
