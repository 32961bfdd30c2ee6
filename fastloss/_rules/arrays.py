"""The rules for operands: which arrays are accepted, of which dtypes and shapes."""

from collections.abc import Sequence
from itertools import zip_longest
from numbers import Real
from typing import Any

import numpy as np

from fastloss._rules.foreign import of_numpy
from fastloss._rules.foreign.operands import as_array
from fastloss._rules.formatting import shown

Array = np.ndarray[Any, Any]
DType = np.dtype[Any]
FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
#: Stands for bfloat16 on a device: NumPy has a dtype for it only where the package ml_dtypes is loaded.
BFLOAT16 = np.dtype([("bfloat16 on a CUDA device", np.uint16)])


def operands(
    who: str, pred: Any, target: Any, weight: Any, where: Any
) -> tuple[Array, Array, Array | None, Array | None, DType]:
    """The operands as arrays, or None where they were None, and the dtype to compute in."""
    preds = array(who, "pred", pred)
    targets = broadcast(who, "target", target, preds.shape)
    weights = None if weight is None else broadcast(who, "weight", weight, preds.shape)
    kept = None if where is None else mask(who, where, preds.shape)
    return preds, targets, weights, kept, compute_type((pred, preds), (target, targets))


def array(who: str, name: str, value: Any) -> Array:
    """An operand as a NumPy array of real numbers."""
    if isinstance(value, of_numpy.masked()):
        raise TypeError(f"{who}: {name} is a MaskedArray: pass its data, and its mask as where=~{name}.mask")
    result = _as_array(who, name, value)
    if not is_real(result.dtype):
        raise TypeError(f"{who}: {name} must hold real numbers of at most 64 bits, got dtype {result.dtype}")
    return result


def _as_array(who: str, name: str, value: Any) -> Array:
    value = as_array(who, name, value)
    try:
        # NumPy would make an int of more than 64 bits an object.
        value = float(value) if type(value) is int else value
    except OverflowError:
        raise ValueError(f"{who}: {name} must be a number of float64, got {shown(value)}") from None
    return of_numpy.array(who, name, value)


def is_real(dtype: DType) -> bool:
    """Whether elements of a dtype are real numbers that kernels can read."""
    of_numpy = dtype.isbuiltin != 2  # one of the 8-bit floats of ml_dtypes has kind "f" too
    return (dtype.kind in "fiub" and dtype.itemsize <= 8 and of_numpy) or is_bfloat16(dtype)


def is_float(dtype: DType) -> bool:
    """Whether a dtype is a float of NumPy or bfloat16."""
    return dtype.kind == "f" or is_bfloat16(dtype)


def is_bfloat16(dtype: DType) -> bool:
    """Whether a dtype is bfloat16: that of ml_dtypes, recognised by its name alone, or that of a device."""
    return dtype.kind == "V" and (dtype.name == "bfloat16" or dtype == BFLOAT16)


def compute_type(*operands: tuple[Any, Array]) -> np.dtype[Any]:
    """The dtype to compute in: float32 if pred and target need no more, else float64.

    Each operand is a pair of what the caller gave and its array. A Python number is weakly typed, as
    in NumPy 2: beside a float32 it counts as float32.
    """
    typed = [array.dtype for given, array in operands if type(given) not in (bool, int, float)]
    narrow = typed and all(is_float(dtype) and dtype.itemsize <= 4 for dtype in typed)
    return FLOAT32 if narrow else FLOAT64


def broadcast(who: str, name: str, value: Any, shape: tuple[int, ...]) -> Array:
    """An operand as an array of real numbers that broadcasts to pred's shape."""
    return _broadcastable(who, name, array(who, name, value), shape)


def mask(who: str, value: Any, shape: tuple[int, ...]) -> Array:
    """`where` as an array of booleans that broadcasts to pred's shape."""
    if isinstance(value, of_numpy.masked()):
        raise TypeError(f"{who}: where is a MaskedArray, expected an array of booleans")
    result = _as_array(who, "where", value)
    if result.dtype.kind != "b":
        hints = {"f": "; did you mean 'weight'?", "O": "; say True or False for each element"}
        hint = hints.get("f" if is_float(result.dtype) else result.dtype.kind, "; pass where != 0")
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
    """The shape that two broadcast to, or None; `numpy.broadcast_shapes` takes no more than 32 axes."""
    pairs = list(zip_longest(reversed(one), reversed(other), fillvalue=1))
    if any(a != b and 1 not in (a, b) for a, b in pairs):
        return None
    return tuple(b if a == 1 else a for a, b in reversed(pairs))


def result_type(pred: Array) -> DType:
    """The dtype of gradients: pred's if that is a float, else float64."""
    dtype = pred.dtype
    return FLOAT64 if not is_float(dtype) else dtype if dtype.isnative else dtype.newbyteorder("=")


def has_axes(value: Any) -> bool:
    """Whether a value is an array, a list or the like, and not a scalar."""
    if isinstance(value, Real | str | bytes):
        return False
    try:
        return isinstance(value, Sequence) or (of_numpy.is_array(value) and np.ndim(value) > 0)
    except Exception:  # an error that shows when the value is read
        return True
