"""Arguments that must be refused with an error that names them."""

from collections.abc import Callable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import numpy as np

from tools.fuzz.given import Rng, Shape

ERRORS = [
    RuntimeError,
    KeyError,
    AttributeError,
    TypeError,
    ValueError,
    OSError,
    AssertionError,
    StopIteration,
]


class _Raising:
    def __init__(self, error: type[Exception]) -> None:
        self.error = error

    def __float__(self) -> float:
        raise self.error("on purpose")

    def __repr__(self) -> str:
        raise self.error("on purpose")


class Raising(_Raising):
    """An object that raises however it is converted."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise self.error("on\npurpose")


class RaisingInterface(_Raising):
    """An object whose `__array_interface__` raises."""

    __array__ = None

    @property
    def __array_interface__(self) -> Any:
        raise self.error("on purpose")


class NoArray:
    """An object whose ``__array__`` returns no array."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return "no array"


class Speechless:
    """An object whose DLPack methods raise or return nonsense."""

    def __init__(self, device: Any, capsule: Any) -> None:
        self.device, self.capsule = device, capsule

    def __dlpack_device__(self) -> Any:
        return self.device() if callable(self.device) else self.device

    def __dlpack__(self, **options: Any) -> Any:
        return self.capsule() if callable(self.capsule) else self.capsule


class Quantity(float):
    """A number with a unit."""

    units = "metre"


class Measured(np.ndarray[Any, Any]):
    """An array with a unit."""

    unit = "metre"


def _fail() -> Any:
    raise LookupError("on purpose")


def _interface(shape: Shape, rng: Rng) -> SimpleNamespace:
    lies: list[Any] = [
        {"shape": (-1,), "typestr": "<f8", "data": bytes(8), "version": 3},
        {"shape": shape, "typestr": "<q9", "data": bytes(8), "version": 3},
        {"shape": "ab", "typestr": "<f8", "data": bytes(8), "version": 3},
        {"shape": (1,), "typestr": "<f8", "data": bytes(8), "strides": (1, 2), "version": 3},
        {"typestr": "<f8"},
        [],
        "text",
    ]
    return SimpleNamespace(__array_interface__=lies[rng.integers(len(lies))])


def _deep(depth: int) -> Any:
    found: Any = 1.0
    for _ in range(depth):
        found = [found]
    return found


def _masked(shape: Shape, rng: Rng) -> Any:
    share = 0.5 if shape else 1.0  # a single number that is not masked would be accepted
    return np.ma.masked_array(np.ones(shape), rng.random(shape) < share)


def _circle() -> Any:
    found: list[Any] = []
    found.append(found)
    return found


Maker = Callable[[Shape, Rng], Any]
ARRAYS: dict[str, Maker] = {
    "masked": _masked,
    "masked rows": lambda shape, rng: [np.ma.masked_array(np.ones(3), [False, True, False])] * 2,
    "object": lambda shape, rng: np.ones(shape, object),
    "records": lambda shape, rng: np.zeros(shape, "f8,f8"),
    "void": lambda shape, rng: np.zeros(shape, "V2"),
    "dates": lambda shape, rng: np.zeros(shape, "M8[s]"),
    "durations": lambda shape, rng: np.zeros(shape, "m8[ns]"),
    "one duration": lambda shape, rng: np.timedelta64(5, "ns"),
    "text": lambda shape, rng: np.full(shape, "1.0"),
    "bytes": lambda shape, rng: b"1.0",
    "complex": lambda shape, rng: np.ones(shape, complex),
    "long": lambda shape, rng: np.ones(shape, np.longdouble),
    "strings": lambda shape, rng: np.full(shape, "1.0", np.dtypes.StringDType()),
    "larger": lambda shape, rng: np.ones((3, *shape)) if len(shape) < 60 else np.ones((3,) + (1,) * 61),
    "ragged": lambda shape, rng: [[1.0], [1.0, 2.0]],
    "a set": lambda shape, rng: {1.0, 2.0},
    "a dict": lambda shape, rng: {"a": 1.0},
    "a generator": lambda shape, rng: (x for x in [1.0]),
    "an object": lambda shape, rng: object(),
    "a type": lambda shape, rng: float,
    "an endless int": lambda shape, rng: -(10 ** int(rng.choice([400, 5000]))),
    "Decimal": lambda shape, rng: Decimal("1.5"),
    "Ellipsis": lambda shape, rng: ...,
    "too deep": lambda shape, rng: _deep(70),
    "a circle": lambda shape, rng: _circle(),
    "raising": lambda shape, rng: Raising(ERRORS[rng.integers(len(ERRORS))]),
    "raising interface": lambda shape, rng: RaisingInterface(ERRORS[rng.integers(len(ERRORS))]),
    "no array": lambda shape, rng: NoArray(),
    "list of raising": lambda shape, rng: [Raising(ERRORS[rng.integers(len(ERRORS))])] * 2,
    "a lying interface": _interface,
    "DLPack without a device": lambda shape, rng: Speechless(_fail, _fail),
    "DLPack of a strange device": lambda shape, rng: Speechless((99, 0), _fail),
    "DLPack whose device is none": lambda shape, rng: Speechless("a", None),
    "DLPack without a capsule": lambda shape, rng: Speechless((1, 0), None),
    "DLPack that raises": lambda shape, rng: Speechless((1, 0), _fail),
    "a quantity": lambda shape, rng: Quantity(1.5),
    "quantities": lambda shape, rng: [Quantity(1.5)] * 3,
    "a subclass with a unit": lambda shape, rng: np.ones(shape).view(Measured),
}
NUMBERS: list[Any] = [
    *[np.nan, "1", b"1", 1j, None, -(10**400), -(10**5000), Decimal("1"), np.timedelta64(5, "ns"), object()],
    *[Quantity(2.0), np.ma.masked, np.array(1j), np.array("a"), np.array(None), np.datetime64("2026"), {}],
    *[Raising(RuntimeError), Raising(KeyError), NoArray(), set(), print, np.bytes_(b"a")],
    *[np.float64("nan"), np.float32("nan"), np.array(np.nan), np.array(1, object), np.zeros((), "f8,f8")],
]
REDUCTIONS: list[Any] = ["avg", "", None, 1, ["mean"], np.array(["mean"]), b"mean", Raising(RuntimeError), {}]


def refused_array(name: str, shape: Shape, rng: Rng) -> Any:
    """Draw an operand that no call accepts."""
    kinds = list(ARRAYS)
    if name == "where" and rng.random() < 0.2:
        return np.ones(shape, rng.choice(["f8", "i8", "f2"]))
    return ARRAYS[kinds[rng.integers(len(kinds))]](shape, rng)
