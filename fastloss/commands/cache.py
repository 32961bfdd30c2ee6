"""What is kept on disk of compiled kernels, and the removal of what is of no use any more."""

import os
import re
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from numba.core import caching, config

from fastloss._compile import store, trust
from fastloss._cpu import kernel, movers, row
from fastloss.adaptive import moments_kernel
from fastloss.commands import CommandError

# Numba makes the settings at import, unseen by type checkers, and leaves this class untyped.
settings: Any = config
function_cache: Any = caching.FunctionCache

Files = dict[Path, os.stat_result]

MAKERS = row, kernel, movers, moments_kernel  # the modules of which functions are kept
UNUSED = 30  # days after which a kernel is removed
_WRITING = 1 / 24  # of a day, far longer than it takes
# Numba's name for a function of ours: the module, the loss or module again, the digits of `store` and a line.
_FILE = re.compile(r"(\w+)\.\w+_([0-9a-f]{8})(?:[0-9a-f]{8}){1,2}-\d+\.py\w+(?:\.\d+)?\.nb[ic](\.tmp\.\w+)?")


class Kept(NamedTuple):
    """The files of one folder, and those of them that are of no use."""

    folder: Path
    files: Files
    useless: Files


def run(clean: bool) -> int:
    """Tell what is kept; remove what is of no use if asked."""
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
    """What is in the folders where Numba keeps our functions, the losses' first.

    Raises
    ------
    CommandError
        Nothing is kept, or nothing that is kept is used. It says why.
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
    """How many functions files are of, and their size."""
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
    danger = trust.danger(folder, (path.name for path in files))
    if danger is not None:
        raise CommandError(f"{danger}, and by that run code in whatever takes kernels from there")
    return Kept(folder, files, useless)


def _is_useless(name: re.Match[str], found: os.stat_result, makers: set[str]) -> bool:
    """Whether a file is of another version, was never finished, or was not used for long.

    Nothing tells that a loss was changed since, and so its old kernels are of no use, but that nobody reads
    them: file systems note that to the day, or not at all, and then the age counts.
    """
    age = (time.time() - max(found.st_atime, found.st_mtime)) / 86400
    module, maker, unfinished = name.groups()
    return age > _WRITING if unfinished else age > UNUSED or f"{module} {maker}" not in makers
