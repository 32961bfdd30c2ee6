"""The header of a .npy file, which may come from an untrusted source."""

import sys
from math import prod
from textwrap import shorten
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

# NumPy reads a header of up to 4 GB into memory before it checks it. Headers of arrays of numbers have 64 to
# 512 bytes.
LONGEST_HEADER = 10_000


class Damaged(ValueError):
    """A file that is damaged or not supported; the message says what is wrong with it."""


def header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether the order is Fortran's, and dtype. Raises Damaged if the header is not valid."""
    start = file.read(len(npy.MAGIC_PREFIX))
    if start != npy.MAGIC_PREFIX:
        hint = (
            " but a .npz file: name a member, as in FILE.npz::pred"
            if start.startswith(b"PK")
            else ""
            if start
            else ": it is empty"
        )
        raise Damaged(f"it is not a .npy file{hint}")
    file.seek(0)
    version = npy.read_magic(file)
    if version not in ((1, 0), (2, 0), (3, 0)):
        raise Damaged(f"its .npy format is {version[0]}.{version[1]}, expected 1.0, 2.0 or 3.0")
    place = file.tell()
    length = int.from_bytes(file.read(2 if version == (1, 0) else 4), "little")
    if length > LONGEST_HEADER:
        raise Damaged(f"its header has {length:,} bytes, expected at most {LONGEST_HEADER:,}")
    file.seek(place)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    try:
        shape, fortran, dtype = read(file)
    except Exception as error:  # NumPy lets many types through, such as tokenize.TokenError
        told = str(error) or type(error).__name__  # a MemoryError of Python's parser says nothing
        raise Damaged(f"its .npy header is damaged: {shorten(told, 120)}") from error
    if dtype.hasobject:
        raise Damaged("it holds Python objects, not numbers")
    if dtype.itemsize == 0:
        raise Damaged(f"its elements ({dtype.str}) have no bytes")
    size = prod(shape) * dtype.itemsize
    if not all(type(n) is int and 0 <= n <= sys.maxsize for n in shape) or size > sys.maxsize:
        raise Damaged("its .npy header is damaged: no array can have its shape")
    return shape, fortran, dtype
