"""Random calls with mostly valid arguments and some hostile ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from fastloss._definition.drawing import drawn
from fastloss._rules.options import CALLS
from fastloss.losses import shipped
from tests.exact import REFERENCES
from tests.layouts import LAYOUTS
from tools.fuzz.given import TYPES, Array, Converted, DType, Given, Rng, Shape, operand, part, shape_of
from tools.fuzz.hostile import NUMBERS, REDUCTIONS, refused_array


@dataclass
class Call:
    """A call of a loss, and the arguments that it must refuse."""

    loss: str
    call: str
    given: dict[str, Given]
    options: dict[str, Any]
    choice: dict[str, float]
    refused: set[str] = field(default_factory=set)

    def arguments(self) -> dict[str, Any]:
        """All arguments by their names."""
        return {name: x.value for name, x in self.given.items()} | self.options

    def means(self) -> dict[str, Array]:
        """The arrays as which NumPy reads the arguments that must not be refused."""
        return {name: x.means for name, x in self.given.items() if x.means is not None}

    def memory(self) -> dict[str, Array]:
        """The arrays that a call reads or writes."""
        found = {name: x.held for name, x in self.given.items() if x.held is not None}
        found |= {name: x for name, x in self.options.items() if type(x) is np.ndarray and "_out" in name}
        return found


def call_of(rng: Rng, losses: Sequence[str], calls: Sequence[str] = tuple(CALLS)) -> Call:
    """Draw a random call of one of these losses."""
    name, call = str(rng.choice(losses)), str(rng.choice(calls))
    loss, shape = shipped()[name], shape_of(rng)
    preds, targets = drawn(loss, rng, shape, np.float64, 2.0)
    cut = part(rng, shape)
    targets = (
        targets[tuple(slice(0, size) for size in cut)]
        if cut == shape
        else drawn(loss, rng, cut, "f8", 2.0)[1]
    )
    given = {"pred": operand(rng, preds), "target": operand(rng, targets)}
    if isinstance(given["pred"].value, list | tuple) and np.shape(given["pred"].value) != shape:
        given["pred"] = Given(preds, preds.copy(), held=preds)
    for each, chance in (("weight", 0.4), ("where", 0.3)):
        if rng.random() < chance:
            numbers = rng.integers(0, 2 if each == "where" else 9, part(rng, shape)) / 1.0
            given[each] = operand(rng, np.asarray(numbers), ["?"] if each == "where" else TYPES, special=0.0)
    for each, x in given.items():
        if isinstance(x.value, list | tuple) and np.size(x.value) == 0:
            # An empty list has neither the type nor all the axes.
            given[each] = Given(np.full(shape, each == "where"), np.full(shape, each == "where"))
    choices = REFERENCES[name].choices
    choice = choices[rng.integers(len(choices))]
    made = Call(name, call, given, {"reduction": str(rng.choice(["mean", "sum", "none"]))}, choice)
    for each in choice:
        made.given[each] = _parameter(rng, choice[each], shape)
    if made.options["reduction"] == "mean" and rng.random() < 0.2:
        made.options["normalizer"] = _number(rng, float(rng.integers(1, 100)) / 2)
    if rng.random() < 0.4:
        _give_outputs(rng, made)
    if rng.random() < 0.5:
        _spoil(rng, made)
    return made


def _number(rng: Rng, number: float) -> Any:
    forms: list[Callable[[float], Any]] = [
        float,
        np.float64,
        np.array,
        Fraction,
        lambda x: Converted(np.array(x)),
    ]
    if not np.isfinite(number):
        forms.remove(Fraction)
    if number == float(np.float32(number)):
        forms += [np.float32, lambda x: np.array(x, ">f4")]
    return number if rng.random() < 0.5 else forms[rng.integers(len(forms))](number)


def _parameter(rng: Rng, number: float, shape: Shape) -> Given:
    if rng.random() < 0.7 or 0 in shape:
        return Given(_number(rng, number), np.array(number))
    return operand(rng, np.full(part(rng, shape), number), ["f8", ">f8"], special=0.0)


def kind_of(pred: Array) -> DType:
    """The dtype of array results."""
    return pred.dtype if pred.dtype.kind == "f" else np.dtype(float)


def _give_outputs(rng: Rng, made: Call) -> None:
    """Add outputs for most array results of the call, of which one may be invalid."""
    means, wanted = made.means()["pred"], CALLS[made.call]
    kind, shape = kind_of(means), means.shape
    names = {"loss_out": wanted.value and made.options["reduction"] == "none", "grad_out": wanted.grad}
    for name, is_wanted in (names | {"hess_out": wanted.hess}).items():
        if not is_wanted or rng.random() < 0.2:
            continue
        new = np.full(shape, 7, kind)
        layout = rng.choice(list(LAYOUTS)) if 0 < new.ndim < 10 else "C"
        made.options[name] = LAYOUTS[layout](new)
    outs = [name for name in made.options if "_out" in name]
    if not outs or rng.random() < 0.5:
        return
    name = str(rng.choice(outs))
    if rng.random() < 0.3 and means.ndim and means.dtype == kind:
        held = np.array(means, order="C")
        made.given["pred"] = Given(held, means, held=held)
        made.options[name] = held  # in place
        return
    bad = _bad_output(rng, made, name, kind)
    if bad is not None:
        made.options[name] = bad
        made.refused |= {name, *outs} if any(bad is made.options[x] for x in outs if x != name) else {name}


def _bad_output(rng: Rng, made: Call, name: str, kind: DType) -> Any:
    means = made.means()["pred"]
    shape, others = means.shape, [x for x in made.options if "_out" in x and x != name]
    which = rng.integers(9)
    if which == 0 and len(shape) < 60:
        return np.full((*shape, 2), 7, kind)
    if which == 1:
        return np.full(shape, 7, "i8" if rng.random() < 0.5 else "f4" if kind != np.float32 else "f8")
    if which == 2:
        found = np.full(shape, 7, kind)
        found.flags.writeable = False
        return found
    if which == 3 and means.size > 1:
        return np.lib.stride_tricks.as_strided(np.full(1, 7, kind), shape, [0] * len(shape))
    if which == 4:
        return np.ma.masked_array(np.full(shape, 7, kind))
    if which == 5:
        return Converted(np.full(shape, 7, kind))
    if which == 6 and others and means.size and np.ndim(made.options[others[0]]):
        return made.options[others[0]]
    if which == 7 and means.size > 1 and means.dtype == kind:  # pred shifted by one element
        base = np.append(means.ravel(), means.dtype.type(0))
        held = base[:-1].reshape(shape)
        made.given["pred"] = Given(held, means, held=held)
        return base[1:].reshape(shape)
    return np.full(shape, 7, kind).tolist() if which == 8 else None


def _spoil(rng: Rng, made: Call) -> None:
    """Replace one or two arguments so that the call must raise an error."""
    shape = made.means()["pred"].shape
    for _ in range(1 + (rng.random() < 0.2)):
        kind = rng.random()
        if kind < 0.5:
            name = str(rng.choice(["pred", "target", "weight", "where"]))
            value = refused_array(name, shape, rng)
            if name == "pred" and isinstance(value, np.ndarray) and value.ndim > len(shape):
                name = "target"
            made.given[name] = Given(value)
        elif kind < 0.7 and made.choice:
            name = str(rng.choice(list(made.choice)))
            number = rng.random() < 0.5
            made.given[name] = Given(
                NUMBERS[rng.integers(len(NUMBERS))] if number else refused_array(name, shape, rng)
            )
        elif kind < 0.8:
            name = "normalizer"
            made.options |= {name: NUMBERS[rng.integers(len(NUMBERS))], "reduction": "mean"}
            if made.options[name] is None:
                made.options[name] = 0
        elif kind < 0.9:
            name = "reduction"
            made.options = {"reduction": REDUCTIONS[rng.integers(len(REDUCTIONS))]}
            made.refused -= {"loss_out", "grad_out", "hess_out", "normalizer"}
        else:
            name = str(rng.choice(["detla", "axis", "loss_outs"]))
            made.options[name] = [None, 1.0][rng.integers(2)]
        made.refused.add(name)
