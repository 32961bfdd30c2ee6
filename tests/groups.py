"""Operands in columns, with the keys of groups of many sizes."""

import numpy as np

RNG = np.random.default_rng(11)
#: Numbers of rows in groups, near the sizes at which the order of the additions changes.
SIZES = [1, 2, 127, 128, 129, 4095, 4096, 4097, 16383, 16384, 16385, 3 * 16384 + 5, 7 * 16384 + 4097]
KEYS = RNG.permutation(np.repeat(np.arange(len(SIZES)), SIZES))
OPERANDS = {
    "pred": RNG.normal(0, 3, KEYS.size),
    "target": RNG.normal(0, 3, KEYS.size),
    "weight": RNG.random(KEYS.size),
    "where": RNG.random(KEYS.size) < 0.7,
}


def columns(*names, dtype="f8"):
    """Some of the operands, with pred and target in the given type."""
    return {
        name: OPERANDS[name].astype(dtype) if name in ("pred", "target") else OPERANDS[name]
        for name in ("pred", "target", *names)
    }


def bits(x):
    return np.float64(x).tobytes()
