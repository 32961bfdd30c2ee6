"""Valid arguments in every form that they may have."""

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.layouts import LAYOUTS

Array = np.ndarray[Any, Any]
DType = np.dtype[Any]
Shape = tuple[int, ...]
Rng = np.random.Generator
TYPES = ["f8", "f4", "f2", ">f8", ">f4", ">f2", "i1", "u1", ">i2", "u4", "i8", ">u8", "?"]
#: Special numbers that operands of floats sometimes contain.
SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-310, 1e-40, 1e30, 1e300, -7e4]


@dataclass
class Given:
    """An argument, and the array as which NumPy reads it, or None if it must be refused."""

    value: Any
    means: Array | None = None
    weak: bool = False  # a Python number, which has no type of its own
    held: Array | None = None  # the memory that it is read from


class Subclass(np.ndarray[Any, Any]):
    """An array whose method `min` gives a wrong number, and which has no truth value."""

    def min(self, *args: Any, **kwargs: Any) -> Any:
        return np.float64(1.0)

    def __bool__(self) -> bool:
        raise RuntimeError("no")


class Converted:
    """An object with ``__array__``, whose other attributes are wrong."""

    shape, ndim, dtype, size = (7, 7), 2, np.dtype("U3"), -1

    def __init__(self, x: Array) -> None:
        self.x = x

    def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
        return self.x


class Speaking:
    """An object that supports only DLPack."""

    def __init__(self, x: Array) -> None:
        self.x = x

    def __dlpack__(self, **options: Any) -> Any:
        return self.x.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self.x.__dlpack_device__()


def _read_only(x: Array) -> Array:
    x.flags.writeable = False
    return x


def field(x: Array) -> Array:
    records = np.zeros(x.shape, [("before", "u1"), ("x", x.dtype), ("after", "u2")])
    records["x"] = x
    return records["x"]


def _interface(x: Array) -> SimpleNamespace:
    return SimpleNamespace(__array_interface__=x.__array_interface__, owner=x)


def _tuples(x: Array) -> Any:
    return tuple(map(_tuples, x)) if x.ndim else x.item()


FORMS: dict[str, Callable[[Array], Any]] = {
    "itself": lambda x: x,
    "read-only": _read_only,
    "list": lambda x: x.tolist(),
    "tuples": _tuples,
    "rows": lambda x: list(x) if x.ndim else x[()],
    "matrix": lambda x: x.view(np.matrix) if x.ndim == 2 else x,
    "subclass": lambda x: x.view(Subclass),
    "record's field": field,
    "__array__": Converted,
    "__array_interface__": _interface,
    "__dlpack__": lambda x: Speaking(x) if x.dtype.isnative and x.flags.writeable and x.flags.aligned else x,
    "memoryview": lambda x: x.data if x.dtype.isnative and x.ndim < 20 and x.flags.forc else x,
}


def operand(rng: Rng, values: Array, types: list[str] = TYPES, special: float = 0.1) -> Given:
    """Give numbers a random type, layout and form."""
    dtype = np.dtype(types[rng.integers(len(types))])
    if dtype.kind == "f" and values.size and rng.random() < special:
        values = np.asarray(values)
        values[tuple(rng.integers(size) for size in values.shape)] = rng.choice(SPECIAL)
    with np.errstate(all="ignore"):
        x = np.asarray(values.astype(dtype))
    if x.ndim and x.ndim < 10:
        x = LAYOUTS[rng.choice(list(LAYOUTS))](x)
    form = "itself" if rng.random() < 0.5 else str(rng.choice(list(FORMS)))
    plain = np.array(x, dtype.newbyteorder("="))
    value = FORMS[form](x)
    weak = type(value) in (bool, int, float)
    if weak or isinstance(value, list | tuple):
        plain = np.asarray(float(value) if type(value) is int else value)
    return Given(value, np.array(plain, plain.dtype.newbyteorder("=")), weak, x)


def part(rng: Rng, shape: Shape) -> Shape:
    """Draw a shape that broadcasts to another."""
    if rng.random() < 0.5:
        return shape
    found = tuple(size if rng.random() < 0.6 else 1 for size in shape)
    return found[rng.integers(len(found) + 1) :]


def shape_of(rng: Rng) -> Shape:
    """Draw a shape of 0 to 64 axes, sometimes without elements."""
    kind = rng.random()
    if kind < 0.05:
        return (1,) * int(rng.integers(30, 65))
    sizes = rng.integers(0 if kind < 0.15 else 1, 6, rng.integers(0, 5))
    if kind > 0.995:
        sizes = rng.integers(500, 1100, 1)
    return tuple(sizes.tolist())
