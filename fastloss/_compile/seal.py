"""Files of kernels that end in a digest of all before it, without which a damaged one could kill the process.

Numba hands to LLVM whatever it unpickles: of 24 files with one bit changed, 7 killed the process that loaded
them. Bytes behind a pickle are ignored (https://docs.python.org/3/library/pickle.html#pickle.load).
"""

import os
from hashlib import sha256
from pathlib import Path
from secrets import token_hex

_SIZE = 32


def is_whole(path: Path) -> bool:
    """Whether a file is as it was when it was sealed."""
    content = path.read_bytes()
    return sha256(content[:-_SIZE]).digest() == content[-_SIZE:]


def seal(path: Path) -> None:
    """Add the digest to a new file; to those who open it, it never is without all of it."""
    content = path.read_bytes()
    new = path.with_name(f"{path.name}.tmp.{token_hex(8)}")  # named as Numba's
    try:
        new.write_bytes(content + sha256(content).digest())
        os.replace(new, path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
