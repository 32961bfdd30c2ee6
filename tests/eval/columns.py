"""Operands and keys in columns of files."""

import numpy as np

RNG = np.random.default_rng(5)
PRED, TARGET = (RNG.normal(0, 3, 300_000).astype(np.float32) for _ in range(2))
WEIGHT, WHERE = RNG.random(PRED.size), RNG.random(PRED.size) < 0.5
KEYS = RNG.choice(["AA", "DL", "UA"], PRED.size)
ONE_FILE = {"files": ("data.npz",)}


def save_columns():
    """Write them to files in the current folder."""
    np.savez("data.npz", pred=PRED, target=TARGET, w=WEIGHT, m=WHERE, carrier=KEYS)
    np.savez("short.npz", pred=PRED[:7])
    for name, array in {
        "p": PRED,
        "t": TARGET,
        "carrier": KEYS,
        "m": WHERE,
        "bad": np.where(PRED > 9, np.nan, PRED),
    }.items():
        np.save(name, array)
