"""Judge a call: it must give the numbers of the references, or raise an error that names an argument."""

import re
from typing import Any, NamedTuple

import numpy as np
from mpmath import mpf

from fastloss._rules.options import CALLS
from fastloss.losses import shipped
from tests.exact import REFERENCES, Reference
from tests.reference import inside
from tools.fuzz.calls import Call, kind_of
from tools.fuzz.given import Array, DType


class Expected(NamedTuple):
    """The elements of a result, and bounds on their errors: NaN for an element of which nothing is known."""

    values: Array
    bound: Array


def complaint(call: Call) -> str | None:
    """Make a call, and return what is wrong with how it ends, or None."""
    loss, arguments = shipped()[call.loss], call.arguments()
    evaluate = loss if call.call == "value" else getattr(loss, call.call)
    memory = call.memory()
    before = {name: x.tobytes() for name, x in memory.items()}
    pred, target = arguments.pop("pred"), arguments.pop("target")
    try:
        results = evaluate(pred, target, **arguments)
    except (TypeError, ValueError) as error:
        changed = [name for name, x in memory.items() if x.tobytes() != before[name]]
        return f"wrote {changed}" if changed else _complaint_of_error(call, error)
    except Exception as error:
        return f"raised {type(error).__name__}: {error}"
    if call.refused:
        return f"took {sorted(call.refused)}, returned {results!r}"
    written = [x for name, x in memory.items() if "_out" in name]
    changed = [
        name
        for name, x in memory.items()
        if "_out" not in name and not any(x is out for out in written) and x.tobytes() != before[name]
    ]
    if changed:
        return f"wrote {changed}"
    found = _complaint_of_results(call, results)
    if found is None and not any(pred is x for x in written):
        first = _copied(results)
        for _ in range(2):  # until the form is remembered
            again = _copied(evaluate(pred, target, **arguments))
            if not all(map(np.array_equal, first, again, [True] * len(first))):
                return f"returned {again!r} when it was made again, not {first!r}"
    return found


def _copied(results: Any) -> list[Array]:
    return [np.array(x) for x in (results if isinstance(results, tuple) else [results])]


def _complaint_of_error(call: Call, error: Exception) -> str | None:
    text = str(error)
    if not call.refused:
        return f"refused: {text}"
    named = any(re.search(rf"\b{name}\b", text) for name in call.refused)
    if not named or not text.startswith(f"{call.loss}: ") or "\n" in text:
        return f"does not name {sorted(call.refused)}: {text}"
    return None


def _complaint_of_results(call: Call, results: Any) -> str | None:
    names = [name for name, wanted in CALLS[call.call]._asdict().items() if wanted]
    pred = call.means()["pred"]
    expected = _expected(call)
    for name, found in zip(names, results if len(names) > 1 else [results], strict=True):
        values, bound = expected[name]
        summed = name == "value" and call.options["reduction"] != "none"
        if np.shape(found) != (() if summed else pred.shape):
            return f"{name} has shape {np.shape(found)}"
        if np.ndim(found) and found.dtype.newbyteorder("=") != kind_of(pred):
            return f"{name} has dtype {found.dtype}"
        out = f"{'loss' if name == 'value' else name}_out"
        if out in call.options and found is not call.options[out]:
            return f"{out} was not returned"
        kind = np.finfo(kind_of(pred) if not summed else float)
        wrong = _wrong(np.asarray(found, float), values, bound, kind)
        if wrong.any():
            return f"{name} is {found!r}, not {values!r}, at {np.argwhere(wrong)[:3].tolist()}"
    return None


def _wrong(found: Array, values: Array, bound: Array, kind: np.finfo[Any]) -> Array:
    """Where numbers differ by more than a bound; elements whose bound is NaN have no known value."""
    with np.errstate(all="ignore"):
        bound = bound + 2 * float(kind.eps) * abs(values) + 2 * float(kind.smallest_subnormal)
        known = ~np.isnan(bound) | np.isnan(values)
        known &= ~(abs(values) + bound > 0.99 * float(kind.max))
        close = (abs(found - values) <= bound) | (np.isnan(found) & np.isnan(values))
    return np.asarray(known & ~close)


def _dtype_of(call: Call) -> DType:
    means = call.means()
    typed = [means[name].dtype for name in ("pred", "target") if not call.given[name].weak]
    narrow = typed and all(x.kind == "f" and x.itemsize <= 4 for x in typed)
    return np.dtype(np.float32 if narrow else np.float64)


def _expected(call: Call) -> dict[str, Expected]:
    """The expected value and derivatives."""
    dtype, means = _dtype_of(call), call.means()
    eps = float(np.finfo(dtype).eps)
    shape = means["pred"].shape
    weights = np.broadcast_to(means.get("weight", np.array(1.0)), shape).astype(float)
    kept = np.broadcast_to(means.get("where", np.array(True)), shape)
    denominator = 1.0
    reduction = call.options["reduction"]
    if reduction == "mean":
        given = call.options.get("normalizer")
        denominator = weights[kept].sum() if given is None else float(np.asarray(given, float))
    found = {}
    with np.errstate(all="ignore"):
        for name, (values, bound) in _elements(call, dtype, kept).items():
            if name == "value" and reduction != "none":
                values, bound = weights * values, weights * bound + 1e-12 * abs(weights * values)
                total, far = values[kept].sum(), bound[kept].sum()
                found[name] = Expected(np.asarray(total / denominator), np.asarray(far / denominator))
                continue
            scaled = values * weights / denominator if denominator else values * np.nan
            spread = bound * weights / denominator + 4 * eps * abs(scaled) + float(np.finfo(dtype).tiny)
            found[name] = Expected(np.where(kept, scaled, 0.0), np.where(kept, spread, 0.0))
        if reduction == "mean" and not denominator:
            found["value"] = Expected(np.array(np.nan), np.array(np.nan))
    return found


def _elements(call: Call, dtype: DType, kept: Array) -> dict[str, Expected]:
    """The same for each element that the mask keeps."""
    reference, means = REFERENCES[call.loss], call.means()
    shape, info, kept = means["pred"].shape, np.finfo(dtype), kept.ravel()
    with np.errstate(all="ignore"):
        pred, target, *params = (
            np.broadcast_to(means[name], shape).astype(dtype).ravel()
            for name in ("pred", "target", *call.choice)
        )
        error = pred - target
    rows = []
    for k in range(pred.size):
        operands, off = (float(pred[k]), float(target[k])), float(error[k])
        if not kept[k] or not np.isfinite([*operands, off]).all():
            lost = bool(kept[k]) and bool(np.isnan(operands).any())
            rows.append([(np.nan if lost else 0.0, np.nan)] * 2 + [(0.0, np.nan)])
        elif not inside(call.loss, *operands):
            rows.append([(np.nan, np.nan)] * 3)
        else:
            numbers = (off, 0.0) if reference.of_error else operands
            rows.append(_element(reference, [*numbers, *(float(x[k]) for x in params)], info))
    table = np.array(rows, float).reshape(pred.size, 3, 2)
    return {
        name: Expected(table[:, place, 0].reshape(shape), table[:, place, 1].reshape(shape))
        for place, name in enumerate(("value", "grad", "hess"))
    }


def _element(reference: Reference, numbers: list[float], info: np.finfo[Any]) -> list[tuple[float, float]]:
    """The value and derivatives of finite numbers, each with a bound on its error: NaN if it may overflow."""
    exact, largest = [mpf(x) for x in numbers], float(info.max)
    rows = []
    for value, size, twice in zip(reference.exact(*exact), reference.sizes(*exact), (1, 1, 2), strict=True):
        bound = max(3, reference.ulps) * twice * float(info.eps) * float(size) + float(info.tiny)
        over = abs(float(value)) > 0.99 * largest or bound > largest
        rows.append((float(value), np.nan if over else bound))
    return rows
