"""Special numbers, and bits to compare results by in which every NaN is the same."""

import itertools
from math import inf, nan

import numpy as np

SPECIAL = [
    0.0,
    1.0,
    0.5,
    1.5,
    2.0,
    3.0,
    1e-45,
    5e-324,
    1e-310,
    1e-30,
    1e30,
    3e38,
    1e308,
    2.0**53,
    2.0**53 - 1,
]
SPECIAL = [sign * x for x in [*SPECIAL, inf, nan] for sign in (1.0, -1.0)]


def special(dtype, count):
    """All combinations of `count` special numbers, one column for each."""
    with np.errstate(over="ignore"):
        columns = np.array(list(itertools.product(SPECIAL, repeat=count))).T.astype(dtype)
    return [np.ascontiguousarray(column) for column in columns]


def bits(x):
    """The bits of numbers, with every NaN replaced by the same one."""
    x = np.where(np.isnan(x), x.dtype.type(nan), x)
    return x.view(f"u{x.itemsize}")
