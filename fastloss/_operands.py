"""The rules on arrays, and their error messages: types, shapes, outputs."""

from itertools import zip_longest
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
DType = np.dtype[Any]
FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
OPERANDS = ("pred", "target", "weight", "where")
OUTPUTS = ("loss_out", "grad_out", "hess_out")


def operands(
    who: str, pred: Any, target: Any, weight: Any, where: Any
) -> tuple[Array, Array, Array | None, Array | None, DType]:
    """The operands as arrays, each None if it was, and the type to compute in."""
    preds = array(who, "pred", pred)
    targets = broadcast(who, "target", target, preds.shape)
    weights = None if weight is None else broadcast(who, "weight", weight, preds.shape)
    kept = None if where is None else mask(who, where, preds.shape)
    return preds, targets, weights, kept, compute_type((pred, preds), (target, targets))


def array(who: str, name: str, value: Any) -> Array:
    """An operand as a NumPy array of real numbers."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{who}: {name} is a MaskedArray: pass its data, and its mask as where=~{name}.mask")
    result = _as_array(who, name, value)
    if result.dtype.kind not in "fiub" or result.dtype.itemsize > 8:
        raise TypeError(f"{who}: {name} must hold real numbers of at most 64 bits, got dtype {result.dtype}")
    return result


def _as_array(who: str, name: str, value: Any) -> Array:
    try:
        # As a float, an int of more than 64 bits is a number, not an object.
        return np.asarray(float(value) if type(value) is int else value)
    except (OverflowError, ValueError) as error:
        raise ValueError(f"{who}: {name} is not an array: {error}") from None


def compute_type(*operands: tuple[Any, Array]) -> np.dtype[Any]:
    """The type to compute in: float32 if pred and target need no more, else float64.

    An operand is what the caller gave and its array. A Python number is weakly typed, as in
    NumPy 2: beside a float32 it is a float32.
    """
    typed = [array.dtype for given, array in operands if type(given) not in (bool, int, float)]
    narrow = typed and all(dtype.kind == "f" and dtype.itemsize <= 4 for dtype in typed)
    return FLOAT32 if narrow else FLOAT64


def broadcast(who: str, name: str, value: Any, shape: tuple[int, ...]) -> Array:
    """An operand as an array of real numbers, which broadcasts to pred's shape."""
    return _broadcastable(who, name, array(who, name, value), shape)


def mask(who: str, value: Any, shape: tuple[int, ...]) -> Array:
    """`where` as an array of booleans, which broadcasts to pred's shape."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{who}: where is a MaskedArray, expected an array of booleans")
    result = _as_array(who, "where", value)
    if result.dtype.kind != "b":
        hint = "; did you mean 'weight'?" if result.dtype.kind == "f" else "; pass where != 0"
        raise TypeError(f"{who}: where must hold booleans, got dtype {result.dtype}{hint}")
    return _broadcastable(who, "where", result, shape)


def _broadcastable(who: str, name: str, operand: Array, shape: tuple[int, ...]) -> Array:
    """Refuse an operand that does not broadcast to pred's shape, or would broadcast pred."""
    if operand.shape == shape:
        return operand
    joint = _joint_shape(shape, operand.shape)
    if joint is None:
        raise ValueError(
            f"{who}: {name} must have pred's shape {shape} or broadcast to it, got {operand.shape}"
        )
    if joint != shape:
        raise ValueError(
            f"{who}: {name} must broadcast to pred's shape {shape}, got {operand.shape}, "
            f"which would make a result of shape {joint}; reshape one of them"
        )
    return operand


def _joint_shape(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...] | None:
    """The shape to which two broadcast, as `numpy.broadcast_shapes`, which takes no more than 32 axes."""
    pairs = list(zip_longest(reversed(one), reversed(other), fillvalue=1))
    if any(a != b and 1 not in (a, b) for a, b in pairs):
        return None
    return tuple(b if a == 1 else a for a, b in reversed(pairs))


def result_type(pred: Array) -> DType:
    """The type of gradients: pred's where that is a float."""
    dtype = pred.dtype
    return FLOAT64 if dtype.kind != "f" else dtype if dtype.isnative else dtype.newbyteorder("=")


def outputs(
    who: str, outs: tuple[Any, Any, Any], inputs: dict[str, Any], summed: bool, on_device: bool = False
) -> bool:
    """Check the outputs given; tell whether one of them is an input, to be replaced in place.

    The reduced value of a device's arrays is an array of no axes.
    """
    if summed and outs[0] is not None and not on_device:
        raise ValueError(f"{who}: loss_out goes with reduction='none' only: a reduced value is one number")
    form = inputs["pred"].shape, result_type(inputs["pred"])
    in_place = False
    earlier: dict[str, Array] = {}
    for name, out in zip(OUTPUTS, outs, strict=True):
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
    if not isinstance(out, np.ndarray) or isinstance(out, np.ma.MaskedArray):
        raise TypeError(f"{who}: {name} must be a NumPy array, got {type(out).__name__}")
    if out.shape != shape or dtype not in (out.dtype, out.dtype.newbyteorder("=")):
        raise ValueError(
            f"{who}: {name} must have shape {shape} and dtype {dtype}, got {out.shape} and {out.dtype}"
        )
    if not out.flags.writeable:
        raise ValueError(f"{who}: {name} must be writeable, got a read-only array")
    if not out.flags.forc and _overlaps_itself(out):
        raise ValueError(f"{who}: {name} must have a place for each element, got strides {out.strides}")


def _replaces(who: str, name: str, out: Array, other_name: str, other: Any) -> bool:
    """Whether an output is this input; an error if it overlaps it in any other way."""
    if not isinstance(other, np.ndarray) or not _overlap(out, other):
        return False
    replaceable = other_name in ("pred", "target")
    if replaceable and _same_memory(out, other):
        return True
    itself = f"{other_name} itself or " if replaceable else ""
    raise ValueError(f"{who}: {name} overlaps {other_name}, expected {itself}other memory")


def _overlaps_itself(x: Array) -> bool:
    """Whether two elements share memory: then the first along some axis does with a later one."""
    for axis in range(x.ndim):
        line = np.moveaxis(x, axis, 0)
        if len(line) > 1 and _overlap(line[:1], line[1:]):
            return True
    return False


def _overlap(a: Array, b: Array) -> bool:
    """Whether two arrays share memory: exact for slices of equal steps, else it may be a safe yes."""
    work: Any = 1  # NumPy's own stubs allow only its two named constants
    return np.may_share_memory(a, b, work)


def _same_memory(a: Array, b: Array) -> bool:
    """Whether two arrays are the same elements in the same places."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    steps = zip(a.shape, a.strides, b.strides, strict=True)
    same_steps = all(here == there for size, here, there in steps if size > 1)
    return same_steps and a.__array_interface__["data"][0] == b.__array_interface__["data"][0]
