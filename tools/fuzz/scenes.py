"""Calls in which every operand and output is next to a page without access."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np
from numpy.typing import DTypeLike

from fastloss import SelfAdjustingSmoothL1, huber
from fastloss._rules.arrays import result_type
from fastloss._rules.options import CALLS, IRLS, REDUCTIONS
from tests.layouts import LAYOUTS as WHOLE
from tests.layouts import strided, swapped
from tools.fuzz.given import TYPES, Array, Rng, Shape, field, part
from tools.fuzz.rooms import Room

_BFLOAT16 = np.dtype(ml_dtypes.bfloat16)


def _swapped(x: Array) -> Array:
    return x if x.dtype == _BFLOAT16 else swapped(x)  # bfloat16 has no other byte order


#: There are eleven, a prime number, so that steps of any length reach each of them.
LAYOUTS: dict[str, Callable[[Array], Array]] = WHOLE | {
    "swapped": _swapped,
    "swapped, strided, Fortran": lambda x: strided(_swapped(x).T).T,
    "record's field": field,
    "repeated": lambda x: np.broadcast_to(x[..., :1], x.shape) if x.size else x,
}
# An output must not repeat elements.
_OUT_LAYOUTS = [*(LAYOUTS | {"repeated": lambda x: strided(x)[..., ::-1]}).values()]
_LAYOUTS = [*LAYOUTS.values()]

# Calls and types for which the test suite compiles few more kernels.
_FEW = [
    (False, "value_grad_hess", "none", ("weight", "where", "delta")),
    (False, "value_and_grad", "mean", ()),
    (False, IRLS, "none", ()),
    (True, "value_and_grad", "mean", ("where",)),
]
_OPTIONAL = [(), ("weight",), ("where",), ("weight", "where", "delta")]
_FEW_TYPES: list[list[DTypeLike]] = [["f4", "f2"], ["f8", "i2"]]
#: Elements from which arrays have one axis. With more axes they could have gaps as large as themselves.
_ONE_AXIS = 1 << 20


class Scene(NamedTuple):
    """The numbers that identify a call."""

    seed: int
    round: int
    size: int
    few: bool

    def __str__(self) -> str:
        few = " --few" if self.few else ""
        return f"--seed {self.seed} --first {self.round} --rounds 1 --sizes {self.size}{few}"

    @property
    def way(self) -> int:
        """How the call is computed: 0 as usual, 1 with stores past the caches, 2 by two threads."""
        return self.round % 3

    @property
    def at_end(self) -> bool:
        """Whether the pages without access follow the arrays, instead of preceding them."""
        return self.round % 2 == 0

    def layout(self, place: int) -> int:
        """The index of an operand's layout; it differs in as many rounds as there are layouts."""
        if self.few and self.size >= _ONE_AXIS:
            return 0
        return (self.size * (place + 3) + self.round * (place + 1)) % len(LAYOUTS)


class Made(NamedTuple):
    """A call with all its arguments."""

    loss: Callable[[], Any]  # makes a new one if the loss adapts
    call: str
    operands: dict[str, Array]
    outputs: dict[str, Array]
    options: dict[str, Any]


def made(scene: Scene, rooms: Mapping[str, Room]) -> Made:
    """Make the call of a scene, with its arrays in their rooms."""
    rng = np.random.default_rng([scene.seed, scene.round, scene.size])
    adapts, call, reduction, given = _kind(scene, rng)
    shape = _shape(scene.size, rng)
    types: list[DTypeLike] = _FEW_TYPES[rng.integers(2)] if scene.few else [*TYPES, _BFLOAT16]
    operands = {}
    for place, (each, values) in enumerate(_values(shape, rng)):
        if each in given:
            dtype = np.dtype(_type_of(each, types, rng))
            with np.errstate(all="ignore"):
                plain = np.asarray(values).astype(dtype)
            laid_out = _LAYOUTS[scene.layout(place)](plain)
            operands[each] = rooms[each].place(laid_out, scene.at_end)
            operands[each][...] = laid_out
    outputs = dict(_outputs(scene, call, reduction, operands, rooms, rng))
    options = {} if call == IRLS else {"reduction": reduction}
    loss = (lambda: SelfAdjustingSmoothL1(shape[-1])) if adapts else (lambda: huber)
    return Made(loss, "__call__" if call == "value" else call, operands, outputs, options)


def _kind(scene: Scene, rng: Rng) -> tuple[bool, str, str, set[str]]:
    """Draw whether the loss adapts, the call, the reduction and which arrays are given."""
    if scene.few or scene.way == 2:  # parallel kernels have to be compiled too
        adapts, call, reduction, optional = _FEW[1 if scene.size >= _ONE_AXIS else rng.integers(len(_FEW))]
        return adapts, call, reduction, {"pred", "target", *optional}
    adapts = rng.random() < 0.2
    calls = ["value", "grad", "value_and_grad"] if adapts else [*CALLS, IRLS]
    call = calls[rng.integers(len(calls))]
    reduction = "none" if call == IRLS else REDUCTIONS[rng.integers(len(REDUCTIONS))]
    optional = _OPTIONAL[rng.integers(len(_OPTIONAL))]
    return adapts, call, reduction, {"pred", "target", *optional} - ({"delta"} if adapts else set())


def _shape(size: int, rng: Rng) -> Shape:
    """Draw a shape of so many elements and one to three axes, of which the last is never empty."""
    shape = [size] if size else [0, 3]
    for _ in range(rng.integers(3) if size < _ONE_AXIS else 0):
        divisors = [k for k in range(1, int(shape[-1] ** 0.5) + 1) if not shape[-1] % k]
        inner = divisors[rng.integers(len(divisors))]
        inner = inner if rng.random() < 0.5 else shape[-1] // inner
        shape[-1:] = [shape[-1] // inner, inner]
    return tuple(shape)


def _values(shape: Shape, rng: Rng) -> Iterator[tuple[str, Array]]:
    """Yield numbers for each operand, some of them to be broadcast."""

    def cut() -> Shape:
        return part(rng, shape) or (1,)  # a scalar would not be in the memory

    yield "pred", 2 * rng.standard_normal(shape)
    yield "target", 2 * rng.standard_normal(cut())
    yield "weight", rng.integers(1, 9, cut())
    yield "where", rng.random(cut()) < 0.7
    yield "delta", rng.uniform(0.5, 2, cut())


def _type_of(name: str, types: list[DTypeLike], rng: Rng) -> DTypeLike:
    if name == "where":
        return "?"
    if name in ("pred", "target", "weight"):
        return types[rng.integers(len(types))]
    return "f4" if types is _FEW_TYPES[0] else "f8"


def _outputs(
    scene: Scene,
    call: str,
    reduction: str,
    operands: dict[str, Array],
    rooms: Mapping[str, Room],
    rng: Rng,
) -> Iterator[tuple[str, Array]]:
    """Yield an output for each array that the call returns; the first may be pred itself."""
    wanted = CALLS.get(call, CALLS["grad"])
    pred = operands["pred"]
    like = np.empty(pred.shape, result_type(pred))
    in_place = pred.dtype == like.dtype and 0 not in pred.strides and rng.random() < 0.2
    names = {"loss_out": wanted.value and reduction == "none", "grad_out": wanted.grad}
    for place, (name, is_wanted) in enumerate((names | {"hess_out": wanted.hess}).items(), 5):
        if is_wanted:
            name = "weights_out" if call == IRLS else name
            laid_out = _OUT_LAYOUTS[scene.layout(place)](like)
            yield name, pred if in_place else rooms[name].place(laid_out, scene.at_end)
            in_place = False
