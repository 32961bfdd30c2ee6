"""The same numbers in other types and other places in memory."""

import numpy as np


def strided(x):
    """Every second element along every axis."""
    wide = np.zeros([2 * size for size in x.shape], x.dtype)
    view = wide[tuple(slice(None, None, 2) for _ in x.shape)]
    view[...] = x
    return view


def reverse(x):
    """Steps backwards along the first axis."""
    return x[::-1].copy()[::-1]


def misaligned(x):
    """An address that is no multiple of the size of an element."""
    buffer = np.zeros(x.nbytes + 1, np.uint8)[1:]
    view = buffer.view(x.dtype).reshape(x.shape)
    view[...] = x
    return view


def permuted(x):
    """Axes in another order in memory: the last first, the others after it."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, -1, 0)), 0, -1) if x.ndim else x.copy()


def swapped(x):
    """The other byte order."""
    return x.astype(x.dtype.newbyteorder())


#: Each keeps the numbers, shape and type (but for the byte order) of a C-contiguous array.
LAYOUTS = {
    "C": np.copy,
    "Fortran": np.asfortranarray,
    "permuted": permuted,
    "strided": strided,
    "strided Fortran": lambda x: strided(x.T).T,
    "reverse": reverse,
    "misaligned": misaligned,
    "swapped": swapped,
    "swapped, strided, Fortran": lambda x: strided(swapped(x).T).T,
}


def contiguous(x):
    """A copy with the axes in the same order in memory, and nothing else of the layout."""
    axes = sorted(range(x.ndim), key=lambda axis: -abs(x.strides[axis]))
    ordered = np.array(x.transpose(axes), x.dtype.newbyteorder("="), order="C")
    return ordered.transpose([axes.index(axis) for axis in range(x.ndim)])
