"""How far the elementary functions are from the exact results, in units of the last place.

    python -m benchmarks.accuracy                  # float32: every number; float64: so many random ones
    python -m benchmarks.accuracy exp log1p --every 64 --points 10000

float32 is compared with the C library's functions in float64, float64 with mpmath.
"""

import argparse
import math
from collections.abc import Callable
from typing import Any

import mpmath
import numba
import numpy as np

from fastloss import math as ours

CHUNK = 1 << 20  # numbers of a thread's turn


@numba.njit
def _sigmoid(x):
    return 1.0 / (1.0 + math.exp(-x)) if x > 0 else math.exp(x) / (1.0 + math.exp(x))


@numba.njit
def _log1p_exp(x):
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


@numba.njit
def _log(x):
    return math.log(x) if x != 0 else -math.inf


@numba.njit
def _log1p(x):
    return math.log1p(x) if x != -1 else -math.inf


#: What float32 is compared with, and float64.
REFERENCES: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "exp": (math.exp, mpmath.exp),
    "expm1": (math.expm1, mpmath.expm1),
    "log": (_log, mpmath.log),
    "log1p": (_log1p, mpmath.log1p),
    "tanh": (math.tanh, mpmath.tanh),
    "sigmoid": (_sigmoid, lambda x: 1 / (1 + mpmath.exp(-x))),
    "log1p_exp": (_log1p_exp, lambda x: mpmath.log1p(mpmath.exp(x))),
}


def sweep_of(function: Callable[..., Any], reference: Callable[..., Any]) -> Callable[..., Any]:
    """A function that looks at every so many float32 of a part of them all: the greatest error, and where."""

    @numba.njit(parallel=True, error_model="numpy")
    def sweep(first, count, step):
        chunks = (count + CHUNK - 1) // CHUNK
        errors, places = np.zeros(chunks), np.zeros(chunks, np.uint32)
        for chunk in numba.prange(chunks):
            bits = np.empty(CHUNK, np.uint32)
            for k in range(CHUNK):
                bits[k] = first + (chunk * CHUNK + k) * step
            xs = bits.view(np.float32)
            found = np.empty(CHUNK, np.float32)
            for k in range(CHUNK):
                found[k] = function(xs[k])
            for k in range(CHUNK):
                exact, near = reference(np.float64(xs[k])), np.float64(found[k])
                if math.isnan(exact) or math.isnan(near):
                    error = 0.0 if math.isnan(exact) and math.isnan(near) else math.inf
                elif exact == near:
                    error = 0.0 if math.copysign(1.0, exact) == math.copysign(1.0, near) else math.inf
                else:
                    near, exact = min(max(near, -(2.0**128)), 2.0**128), min(max(exact, -(2.0**128)), 2.0**128)
                    unit = math.ldexp(1.0, max(math.frexp(exact)[1] - 24, -149))
                    error = abs(near - exact) / unit
                if error > errors[chunk]:
                    errors[chunk], places[chunk] = error, bits[k]
        worst = np.argmax(errors)
        return errors[worst], places[worst]

    return sweep


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", default=list(REFERENCES))
    parser.add_argument("--every", type=int, default=1)
    args = parser.parse_args()
    for name in args.names:
        sweep = sweep_of(getattr(ours, name), REFERENCES[name][0])
        error, place = sweep(0, 2**32 // args.every, args.every)
        print(name, f"{error:.4f} at {np.uint32(place).view(np.float32)!r}", flush=True)


if __name__ == "__main__":
    main()
