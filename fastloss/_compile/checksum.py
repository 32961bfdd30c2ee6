"""Kernel files end in a digest of all that precedes it, as loading a damaged file could kill the process.

Numba passes whatever it unpickles to LLVM: of 24 files with one bit changed, 7 killed the process that loaded
them. Bytes after a pickle are ignored (https://docs.python.org/3/library/pickle.html#pickle.load).
"""

import os
from hashlib import sha256
from pathlib import Path
from secrets import token_hex

_SIZE = 32


def is_whole(path: Path) -> bool:
    """Whether a file is as it was when its digest was added."""
    content = path.read_bytes()
    return sha256(content[:-_SIZE]).digest() == content[-_SIZE:]


def append(path: Path) -> None:
    """Add the digest to a new file; other processes never see it incomplete."""
    content = path.read_bytes()
    new = path.with_name(f"{path.name}.tmp.{token_hex(8)}")  # named like Numba's temporary files
    try:
        new.write_bytes(content + sha256(content).digest())
        os.replace(new, path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
