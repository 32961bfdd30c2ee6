"""The same numbers in other memory layouts and byte orders."""

import numpy as np


def strided(x):
    """Use every second element of a larger array along every axis."""
    wide = np.zeros([2 * size for size in x.shape], x.dtype)
    view = wide[tuple(slice(None, None, 2) for _ in x.shape)]
    view[...] = x
    return view


def reverse(x):
    """Give the first axis a negative stride."""
    return x[::-1].copy()[::-1]


def misaligned(x):
    """Use an address that is not a multiple of the element size."""
    buffer = np.zeros(x.nbytes + 1, np.uint8)[1:]
    view = buffer.view(x.dtype).reshape(x.shape)
    view[...] = x
    return view


def permuted(x):
    """Store the last axis first, and the others after it."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, -1, 0)), 0, -1) if x.ndim else x.copy()


def swapped(x):
    """Use the other byte order."""
    return x.astype(x.dtype.newbyteorder())


#: Each keeps the numbers, the shape and the type (except for its byte order) of a C-contiguous array.
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

#: Views of an array of 40 x 30 x 20 numbers, or of a part of it that repeats.
FORMS = {
    "contiguous": lambda x: x.reshape(-1),
    "every third": lambda x: x.reshape(-1)[::3],
    "every other": lambda x: x.reshape(-1)[::2],
    "backwards": lambda x: x.reshape(-1)[::-1],
    "short lines": lambda x: x[:, :, 1:6],
    "pairs": lambda x: x[:, :, 7:9],
    "fours": lambda x: x[:, :, 1:5],
    "two fours": lambda x: x[:, :, 3:11],
    "three axes": lambda x: x[::2, ::-1, 1:],
    "other order": lambda x: x.transpose(2, 0, 1),
    "short steps last": lambda x: x.transpose(0, 2, 1),
    "one number": lambda x: np.broadcast_to(x[0, 0, 0], 900),
    "one short row": lambda x: np.broadcast_to(x[0, 0], (60, 20)),
    "one long row": lambda x: np.broadcast_to(x.reshape(-1)[:700], (3, 700)),
    "one short column": lambda x: np.broadcast_to(x[:, :, 0].reshape(-1, 1), (1200, 7)),
    "one column of pairs": lambda x: np.broadcast_to(x[:, :, 0].reshape(-1, 1), (1200, 2)),
    "one column of fours": lambda x: np.broadcast_to(x[:, :, 0].reshape(-1, 1), (1200, 4)),
    "one column": lambda x: np.broadcast_to(x[:, 0, :1], (40, 33)),
    "misaligned": lambda x: misaligned(x.reshape(-1)),
}


def contiguous(x):
    """Copy an array without gaps, with its axes in the same order in memory and in native byte order."""
    axes = sorted(range(x.ndim), key=lambda axis: -abs(x.strides[axis]))
    ordered = np.array(x.transpose(axes), x.dtype.newbyteorder("="), order="C")
    return ordered.transpose([axes.index(axis) for axis in range(x.ndim)])
