"""The rules for outputs: their shape and dtype, and the memory that they may share."""

from typing import Any

import numpy as np

from fastloss._definition.definition import Definition
from fastloss._rules.arrays import FLOAT64, Array, DType, result_type
from fastloss._rules.foreign import of_numpy
from fastloss._rules.order import address


def outputs(
    loss: Definition,
    outs: tuple[Any, Any, Any],
    inputs: dict[str, Any],
    summed: bool,
    on_device: bool = False,
) -> bool:
    """Check the outputs given; return whether one of them is an input that is replaced in place.

    On a device, the reduced value is an array without axes.
    """
    who = loss.name
    if summed and outs[0] is not None and not on_device:
        raise ValueError(
            f"{who}: loss_out is only allowed with reduction='none': a reduced value is one number"
        )
    form = inputs["pred"].shape, result_type(inputs["pred"])
    in_place = False
    earlier: dict[str, Array] = {}
    for name, out in zip(loss.outputs, outs, strict=True):
        if out is None:
            continue
        _output_form(who, name, out, *(((), FLOAT64) if summed and name == "loss_out" else form))
        for other_name, other in earlier.items():
            if _overlap(out, other):
                raise ValueError(f"{who}: {name} must not overlap {other_name}")
        for other_name, other in inputs.items():
            in_place |= _replaces(who, name, out, other_name, other)
        earlier[name] = out
    return in_place


def _output_form(who: str, name: str, out: Any, shape: tuple[int, ...], dtype: DType) -> None:
    if not isinstance(out, np.ndarray) or isinstance(out, of_numpy.masked()):
        raise TypeError(f"{who}: {name} must be a NumPy array, got {type(out).__name__}")
    of_numpy.refuse_units(who, name, type(out))
    if out.shape != shape or dtype not in (out.dtype, out.dtype.newbyteorder("=")):
        raise ValueError(
            f"{who}: {name} must have shape {shape} and dtype {dtype}, got {out.shape} and {out.dtype}"
        )
    if not out.flags.writeable:
        raise ValueError(f"{who}: {name} must be writeable, got a read-only array")
    if not out.flags.forc and _overlaps_itself(out):
        raise ValueError(f"{who}: {name} must not overlap itself, got strides {out.strides}")


def _replaces(who: str, name: str, out: Array, other_name: str, other: Any) -> bool:
    """Whether an output is this input; raise ValueError if they overlap in any other way."""
    if not isinstance(other, np.ndarray) or not _overlap(out, other):
        return False
    replaceable = other_name in ("pred", "target")
    if replaceable and _same_memory(out, other):
        return True
    itself = f"{other_name} itself or " if replaceable else ""
    raise ValueError(f"{who}: {name} overlaps {other_name}, expected {itself}other memory")


def _overlaps_itself(x: Array) -> bool:
    """Whether two elements share memory: then, along some axis, the first one does with a later one."""
    for axis in range(x.ndim):
        line = np.moveaxis(x, axis, 0)
        if len(line) > 1 and _overlap(line[:1], line[1:]):
            return True
    return False


def _overlap(a: Array, b: Array) -> bool:
    """Whether two arrays share memory; exact for slices of equal strides, else True if in doubt."""
    work: Any = 1  # NumPy's own stubs allow only its two named constants
    return np.may_share_memory(a, b, work)


def _same_memory(a: Array, b: Array) -> bool:
    """Whether two arrays are the same elements in the same places."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    steps = zip(a.shape, a.strides, b.strides, strict=True)
    same_steps = all(here == there for size, here, there in steps if size > 1)
    return same_steps and address(a) == address(b)
