"""Every rule on arguments, and every error message, before anything is computed or written."""

from collections.abc import Iterable
from difflib import get_close_matches
from math import inf, isfinite
from numbers import Real
from reprlib import repr as shortened
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import numpy as np

if TYPE_CHECKING:
    from fastloss._domain import Domain
    from fastloss._loss import Loss


class Wanted(NamedTuple):
    """Which of the three outputs a call asks for."""

    value: bool = False
    grad: bool = False
    hess: bool = False


#: The calls of a loss and what each of them returns.
CALLS = {
    "value": Wanted(value=True),
    "grad": Wanted(grad=True),
    "value_and_grad": Wanted(value=True, grad=True),
    "grad_and_hess": Wanted(grad=True, hess=True),
    "value_grad_hess": Wanted(value=True, grad=True, hess=True),
}
REDUCTIONS = ("mean", "sum", "none")
OUTPUTS = ("loss_out", "grad_out", "hess_out")
OPTIONS = ("pred", "target", "weight", "where", "reduction", "normalizer", *OUTPUTS)

Array = np.ndarray[Any, Any]
#: Other libraries' words for what fastloss has.
HINTS = {
    "axis": "; there is none: take reduction='none' and NumPy's own sums",
    "mask": "; did you mean 'where'?",
    "out": "; did you mean 'loss_out' or 'grad_out'?",
    "sample_weight": "; did you mean 'weight'?",
}

FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of an error message: the name that was probably meant, if there is one."""
    near = get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def call(who: str, value: Any) -> Wanted:
    """What a call of that name returns."""
    if value not in CALLS:
        raise ValueError(f"{who}: calls are {', '.join(CALLS)}, got {value!r}{nearest(str(value), CALLS)}")
    return CALLS[value]


def reduction(who: str, value: Any) -> None:
    if not isinstance(value, str) or value not in REDUCTIONS:
        hint = nearest(value, REDUCTIONS) if isinstance(value, str) else ""
        raise ValueError(f"{who}: reduction must be 'mean', 'sum' or 'none', got {value!r}{hint}")


def normalizer(who: str, value: Any, reduction: str, compute_type: np.dtype[Any]) -> float | None:
    """The denominator that the caller gave, as a float."""
    if value is None:
        return None
    if reduction != "mean":
        raise ValueError(f"{who}: normalizer goes with reduction='mean' only, got reduction={reduction!r}")
    number = _number(who, "normalizer", value)
    if not (number > 0 and isfinite(number)):
        raise ValueError(f"{who}: normalizer must be a finite number > 0, got {value!r}")
    factor = _cast(1 / number, compute_type)
    if not (factor > 0 and isfinite(factor)):
        raise ValueError(
            f"{who}: gradients are multiplied by 1 / normalizer, which is {factor} in {compute_type}, "
            f"the type of this computation, for normalizer={value!r}"
        )
    return number


def parameters(loss: "Loss", given: dict[str, Any], compute_type: np.dtype[Any]) -> tuple[float, ...]:
    """The loss's own parameters, checked, in the order in which its formula takes them."""
    for name in given:
        if name not in loss.domains:
            _unknown_keyword(loss, name)
    values = []
    for name, domain in loss.domains.items():
        if name in given:
            values.append(_parameter(loss.name, name, domain, given[name], compute_type))
        elif domain.default is not None:
            values.append(_parameter(loss.name, name, domain, domain.default, compute_type))
        else:
            raise TypeError(f"{loss.name}: {name} has no default, pass {name}={domain}")
    return tuple(values)


def _parameter(who: str, name: str, domain: "Domain", value: Any, compute_type: np.dtype[Any]) -> float:
    if isinstance(value, np.ndarray | list | tuple) and np.shape(np.asarray(value, object)):
        raise NotImplementedError(
            f"{who}: {name} as an array is not supported in this version, pass one number"
        )
    number = _number(who, name, value)
    if number not in domain:
        raise ValueError(f"{who}: {name} must be {domain}, got {shortened(value)}")
    cast = _cast(number, compute_type)
    if cast not in domain:
        raise ValueError(
            f"{who}: {name}={value!r} is {cast} in {compute_type}, the type of this computation, "
            f"and must be {domain} there"
        )
    return cast


def _cast(number: float, dtype: np.dtype[Any]) -> float:
    with np.errstate(over="ignore", under="ignore"):
        return float(dtype.type(number))


def _number(who: str, name: str, value: Any) -> float:
    number: Any = value
    if isinstance(value, Real):
        try:
            return float(value)
        except OverflowError:  # an int of more than 308 digits
            return inf if number > 0 else -inf
    scalar = np.asarray(value) if hasattr(value, "__array__") else None
    if scalar is None or scalar.ndim or scalar.dtype.kind not in "fiub" or np.ma.is_masked(value):
        raise TypeError(f"{who}: {name} must be a number, got {type(value).__name__} {shortened(value)}")
    return float(scalar)


def _unknown_keyword(loss: "Loss", name: str) -> NoReturn:
    if name in OUTPUTS:
        raise TypeError(f"{loss.name}: this call does not compute what {name} would hold")
    hint = HINTS.get(name) or nearest(name, (*loss.domains, *OPTIONS))
    raise TypeError(f"{loss.name}: unknown keyword {name!r}{hint}")


def array(who: str, name: str, value: Any) -> Array:
    """An operand as a NumPy array of real numbers."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{who}: {name} is a MaskedArray: pass its data, and its mask as where=~{name}.mask")
    try:
        result = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{who}: {name} is not an array: {error}") from None
    if result.dtype.kind not in "fiub" or result.dtype.itemsize > 8:
        raise TypeError(f"{who}: {name} must hold real numbers of at most 64 bits, got dtype {result.dtype}")
    return result


def compute_type(*operands: tuple[Any, Array]) -> np.dtype[Any]:
    """The type to compute in: float32 if pred and target need no more, else float64.

    An operand is what the caller gave and its array. A Python number is weakly typed, as in
    NumPy 2: beside a float32 it is a float32.
    """
    typed = [array.dtype for given, array in operands if type(given) not in (bool, int, float)]
    narrow = typed and all(dtype.kind == "f" and dtype.itemsize <= 4 for dtype in typed)
    return FLOAT32 if narrow else FLOAT64


def shapes(who: str, pred: Array, target: Array) -> None:
    """Refuse a target that does not broadcast to pred's shape."""
    if pred.shape == target.shape:
        return
    try:
        joint = np.broadcast_shapes(pred.shape, target.shape)
    except ValueError:
        raise ValueError(
            f"{who}: target must have pred's shape {pred.shape} or broadcast to it, got {target.shape}"
        ) from None
    if joint != pred.shape:
        raise ValueError(
            f"{who}: target must broadcast to pred's shape {pred.shape}, got {target.shape}, "
            f"which would make a result of shape {joint}; reshape one of them"
        )
    raise NotImplementedError(
        f"{who}: a target of another shape than pred's is not supported in this version"
    )


def coming(who: str, **options: Any) -> None:
    """Refuse options that this version knows but does not support."""
    for name, value in options.items():
        if value is not None:
            raise NotImplementedError(f"{who}: {name}= is not supported in this version")


def supported(who: str, name: str, operand: Array, dtype: np.dtype[Any]) -> None:
    """Refuse the types and layouts that this version has no kernel for."""
    if operand.dtype != dtype:
        raise NotImplementedError(
            f"{who}: {name} of dtype {operand.dtype} is not supported here in this version, "
            "pass pred and target both as float32 or both as float64"
        )
    flags = operand.flags
    if not (flags.c_contiguous and flags.aligned):
        layout = f"strides {operand.strides}" if flags.aligned else "a misaligned address"
        raise NotImplementedError(
            f"{who}: {name} with {layout} is not supported in this version, pass a C-contiguous copy"
        )


def outputs(who: str, outs: dict[str, Any], pred: Array, target: Array, summed: bool) -> bool:
    """Check the outputs given; tell whether one of them is an input, to be replaced in place."""
    if summed and "loss_out" in outs:
        raise ValueError(f"{who}: loss_out goes with reduction='none' only: a reduced value is one number")
    dtype = pred.dtype if pred.dtype.kind == "f" else FLOAT64
    in_place = False
    earlier: dict[str, Array] = {}
    for name, out in outs.items():
        _output_form(who, name, out, pred.shape, dtype)
        for other_name, other in earlier.items():
            if _overlap(out, other):
                raise ValueError(f"{who}: {name} must not overlap {other_name}")
        for other_name, other in {"pred": pred, "target": target}.items():
            if not _overlap(out, other):
                continue
            in_place = True
            if not _same_memory(out, other):
                raise ValueError(
                    f"{who}: {name} overlaps {other_name}, expected {other_name} itself or other memory"
                )
        earlier[name] = out
    return in_place


def _output_form(who: str, name: str, out: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    if not isinstance(out, np.ndarray) or isinstance(out, np.ma.MaskedArray):
        raise TypeError(f"{who}: {name} must be a NumPy array, got {type(out).__name__}")
    if out.shape != shape or out.dtype != dtype:
        raise ValueError(
            f"{who}: {name} must have shape {shape} and dtype {dtype}, got {out.shape} and {out.dtype}"
        )
    if not out.flags.writeable:
        raise ValueError(f"{who}: {name} must be writeable, got a read-only array")


def _overlap(a: Array, b: Array) -> bool:
    """Whether two arrays share memory, exactly for slices; interleaved ones don't."""
    work: Any = 1  # NumPy's own stubs allow only its two named constants
    return np.may_share_memory(a, b, work)


def _same_memory(a: Array, b: Array) -> bool:
    """Whether two arrays are the same elements in the same places."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    steps = zip(a.shape, a.strides, b.strides, strict=True)
    same_steps = all(here == there for size, here, there in steps if size > 1)
    return same_steps and a.__array_interface__["data"][0] == b.__array_interface__["data"][0]
