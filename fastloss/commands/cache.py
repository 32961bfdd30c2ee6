"""Show the compiled kernels that are kept on disk, and remove those that are no longer of use."""

import os
import re
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from numba.core import caching, config

from fastloss._compile import permissions, store
from fastloss._cpu import kernel, movers, row
from fastloss._evaluate import kernel as group_kernel
from fastloss.adaptive import moments_kernel
from fastloss.commands import CommandError

# Numba makes the settings at import, unseen by type checkers, and leaves this class untyped.
settings: Any = config
function_cache: Any = caching.FunctionCache

Files = dict[Path, os.stat_result]

MAKERS = row, kernel, movers, group_kernel, moments_kernel  # the modules whose functions are kept
UNUSED = 30  # days after which a kernel is removed
_WRITING = 1 / 24  # days, far longer than writing a file takes
# Numba's file name for one of our functions: module, loss or module again, the digits of `store`, line.
_FILE = re.compile(r"(\w+)\.\w+_([0-9a-f]{8})(?:[0-9a-f]{8}){1,2}-\d+\.py\w+(?:\.\d+)?\.nb[ic](\.tmp\.\w+)?")


class Kept(NamedTuple):
    """The files of one folder, and those of them that are of no use."""

    folder: Path
    files: Files
    useless: Files


def run(clean: bool) -> int:
    """Print what is kept; remove what is of no use if asked."""
    for folder, files, useless in look():
        if clean:
            for path in sorted(useless, reverse=True):  # an index (.nbi) before what it names (.nbc)
                path.unlink(missing_ok=True)
            used = {path: found for path, found in files.items() if path not in useless}
            print(f"{folder}: removed {amount(useless)}; kept {amount(used)}")
        else:
            print(f"{folder}: {amount(files)}; --clean would remove {amount(useless)}")
    return 0


def look() -> list[Kept]:
    """The contents of the folders where Numba keeps our functions, that of the losses first.

    Raises
    ------
    CommandError
        Nothing is kept, or nothing that is kept is used; the message says why.
    """
    if settings.DISABLE_JIT:
        raise CommandError("NUMBA_DISABLE_JIT is set, nothing is compiled")
    try:
        folders = {Path(function_cache(module.make_kernel).cache_path) for module in MAKERS}
    except RuntimeError:
        raise CommandError("Numba finds no folder it can write") from None
    makers = {f"{module.__name__.rpartition('.')[2]} {store.maker(module)[:8]}" for module in MAKERS}
    found = [_looked_at(folder, makers) for folder in sorted(folders)]
    return [kept for kept in found if kept.files] or found[:1]


def amount(files: Files) -> str:
    """The number of functions in files, and the size of the files."""
    functions = sum(path.suffix == ".nbi" for path in files)
    size = sum(found.st_size for found in files.values())
    return f"{functions} function{'' if functions == 1 else 's'}, {size / 1e6:.1f} MB"


def _looked_at(folder: Path, makers: set[str]) -> Kept:
    files: Files = {}
    useless: Files = {}
    for path in folder.glob("*.nb[ic]*"):  # none where there is no folder yet
        named = _FILE.fullmatch(path.name)
        if named is None:
            continue
        with suppress(FileNotFoundError):  # removed by another process in between
            found = files[path] = path.stat()
            if _is_useless(named, found, makers):
                useless[path] = found
    danger = permissions.danger(folder, (path.name for path in files))
    if danger is not None:
        raise CommandError(f"{danger}, so others can run code in any process that loads kernels from there")
    return Kept(folder, files, useless)


def _is_useless(name: re.Match[str], found: os.stat_result, makers: set[str]) -> bool:
    """Whether a file is of another version, was never finished, or was not used for a long time.

    If a loss has changed, its old kernels are of no use, which shows only in that nobody reads them. File
    systems record reads to the day or not at all; in that case, the age of the file counts.
    """
    age = (time.time() - max(found.st_atime, found.st_mtime)) / 86400
    module, maker, unfinished = name.groups()
    return age > _WRITING if unfinished else age > UNUSED or f"{module} {maker}" not in makers
