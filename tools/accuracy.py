"""How far `fastloss.math` is from the exact results, in units of the last place.

    python -m tools.accuracy                       # every float32, 3 minutes a function
    python -m tools.accuracy exp log --every 101   # one float32 in 101
    python -m tools.accuracy --points 100_000      # so many float64 of each kind

Results in float32 are compared with NumPy in float64, whose errors are some 1e-9 of an ulp here. Those in
float64 are compared with mpmath.
"""

import argparse
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, NamedTuple

import mpmath
import numba
import numpy as np

from fastloss import math as elementary

CHUNK = 1 << 22  # numbers to compare at a time
THREADS = 2
LARGEST = {"exp": 710, "expm1": 710, "log1p_exp": 1e300}  # larger arguments give inf or themselves

Array = np.ndarray[Any, Any]
Loop = Callable[..., None]
FloatType = type[np.float32] | type[np.float64]


class Reference(NamedTuple):
    """A function for arrays of float64, and for the numbers of mpmath, which has no types."""

    in_numpy: Callable[..., Array]
    exact: Callable[..., Any]


class Worst(NamedTuple):
    """The largest error of a function, in units of the last place, and its arguments."""

    error: float
    place: tuple[float, ...]


def _sigmoid(x: Array) -> Array:
    small: Array = np.exp(-abs(x))
    return np.where(x < 0, small, 1.0) / (1.0 + small)


#: Every function with inexact results.
REFERENCES = {
    "exp": Reference(np.exp, mpmath.exp),
    "expm1": Reference(np.expm1, mpmath.expm1),
    "log": Reference(np.log, mpmath.log),
    "log1p": Reference(np.log1p, mpmath.log1p),
    "log1p_exp": Reference(lambda x: np.logaddexp(x, 0.0), lambda x: mpmath.log1p(mpmath.exp(x))),
    "pow": Reference(np.power, mpmath.power),
    "sigmoid": Reference(_sigmoid, lambda x: 1 / (1 + mpmath.exp(-x))),
    "tanh": Reference(np.tanh, mpmath.tanh),
}


@cache
def loop_of(name: str) -> Loop:
    """A compiled loop that writes the results of a function to its first argument."""
    loop = {"fma": _ternary, "pow": _binary}.get(name, _unary)
    return numba.njit(nogil=True)(loop(getattr(elementary, name)))


def _unary(function: Callable[..., Any]) -> Loop:
    def loop(out: Array, x: Array) -> None:
        for i in range(out.size):
            out[i] = function(x[i])

    return loop


def _binary(function: Callable[..., Any]) -> Loop:
    def loop(out: Array, x: Array, y: Array) -> None:
        for i in range(out.size):
            out[i] = function(x[i], y[i])

    return loop


def _ternary(function: Callable[..., Any]) -> Loop:
    def loop(out: Array, x: Array, y: Array, z: Array) -> None:
        for i in range(out.size):
            out[i] = function(x[i], y[i], z[i])

    return loop


def computed(name: str, *args: Array) -> Array:
    """The results of a function for arrays, from compiled code."""
    found = np.empty_like(args[0])
    loop_of(name)(found, *args)
    return found


def ulps32(found: Array, exact: Array) -> Array:
    """Errors of float32 results in ulps; inf where only one number is NaN or the signs differ."""
    overflow = 2.0**128  # stands in for infinity
    near, far = (np.clip(x.astype(np.float64), -overflow, overflow) for x in (found, exact))
    units = np.ldexp(1.0, np.maximum(np.frexp(far)[1] - 24, -149))
    wrong = (np.isnan(near) != np.isnan(far)) | (np.signbit(near) != np.signbit(far)) & ~np.isnan(far)
    return np.where(wrong, np.inf, np.nan_to_num(abs(near - far) / units, nan=0.0))


def worst32(name: str, *args: Array) -> Worst:
    """The largest error of a function in float32."""
    found = computed(name, *args)
    with np.errstate(all="ignore"):
        errors = ulps32(found, REFERENCES[name].in_numpy(*(x.astype(np.float64) for x in args)))
    worst = int(np.argmax(errors))
    return Worst(float(errors[worst]), tuple(float(x[worst]) for x in args))


def swept(name: str, every: int) -> Worst:
    """The largest error of a function for one float32 in `every`, or of pow for random pairs."""
    loop_of(name)(*(np.ones(1, np.float32) for _ in range(3 if name == "pow" else 2)))  # compiled once

    def part(start: int) -> Worst:
        stop = min(start + CHUNK * every, 1 << 32)
        x = np.arange(start, stop, every, dtype=np.uint64).astype(np.uint32).view(np.float32)
        return worst32(name, *([x] if name != "pow" else pairs(np.float32, CHUNK, start)))

    with ThreadPoolExecutor(THREADS) as pool:
        return max(pool.map(part, range(0, 1 << 32, CHUNK * every)), key=lambda found: found.error)


def pairs(dtype: FloatType, count: int, seed: int) -> list[Array]:
    """Random bases and exponents whose powers do not overflow or underflow, or only just do."""
    rng = np.random.default_rng(seed)
    range_of = {np.float32: (104.0, 89.0), np.float64: (746.0, 710.0)}[dtype]
    log = np.where(rng.random(count) < 0.5, rng.uniform(-87, 88, count), rng.standard_normal(count) / 4)
    x = np.exp(log).astype(dtype)
    with np.errstate(all="ignore"):
        y = (rng.uniform(-range_of[0], range_of[1], count) / np.log(x.astype(np.float64))).astype(dtype)
    return [x, np.where(np.isfinite(y), y, dtype(1.5))]


def numbers64(name: str, count: int) -> list[Array]:
    """`count` float64 of each of several kinds, near arguments that are hard to compute or to reduce."""
    if name == "pow":
        return pairs(np.float64, 8 * count, 0)
    rng = np.random.default_rng(0)
    log2 = (rng.integers(-1075, 1025, count) + 0.5) * math.log(2)  # halfway between two reductions
    spread = np.exp(rng.uniform(-700, 700, count))
    near = rng.uniform(-1.0, 1.0, count)
    subnormal = rng.integers(1, 1 << 52, count).view(np.float64)
    edges = [-745.13, -708.4, 709.78, 0.0, -0.3466, 0.3466, -1.0, 0.4142135, -0.2928932, 19.06, 36.7, 1.0]
    beside = (np.array(edges)[:, None] * (1 + 1e-5 * rng.standard_normal(count // 4))).ravel()
    kinds = [
        rng.standard_normal(count) * 20,
        log2,
        spread,
        -spread,
        near,
        near**9,
        1 + near,
        beside,
        subnormal,
    ]
    # Next to powers of 2, and to sqrt(2) and 1.5 times these, where exponents change.
    kinds.append(
        np.ldexp(np.nextafter(np.resize([1, 2**0.5, 1.5], count), near), rng.integers(-60, 60, count))
    )
    x = np.concatenate(kinds)
    x = abs(x) if name == "log" else x[x > -1] if name == "log1p" else x
    return [x[abs(x) < LARGEST.get(name, math.inf)]]


def worst64(name: str, *args: Array) -> Worst:
    """The largest error of a function in float64."""
    worst = Worst(0.0, ())
    with mpmath.workprec(150):
        for found, *point in zip(computed(name, *args).tolist(), *(x.tolist() for x in args), strict=True):
            exact = REFERENCES[name].exact(*map(mpmath.mpf, point))
            overflow = mpmath.mpf(2) ** 1024
            near = mpmath.mpf(found) if math.isfinite(found) else mpmath.sign(found) * overflow
            far = max(min(exact, overflow), -overflow)
            unit = mpmath.ldexp(1, max(int(mpmath.frexp(far)[1]) - 53, -1074))
            worst = max(worst, Worst(float(abs(near - far) / unit), tuple(point)))
    return worst


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", default=list(REFERENCES), help="functions; default all")
    parser.add_argument("--every", type=int, default=1, help="measure one float32 in this many")
    parser.add_argument("--points", type=int, default=10_000, help="number of float64 of each kind")
    options = parser.parse_args()
    for name in options.names:
        for kind, (error, place) in (
            ("float32", swept(name, options.every)),
            ("float64", worst64(name, *numbers64(name, options.points))),
        ):
            print(f"{name:10} {kind}  {error:.3f} ulp at {', '.join(map(repr, place))}", flush=True)


if __name__ == "__main__":
    main()
