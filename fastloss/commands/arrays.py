"""The command eval over .npy files of any shapes, which are mapped to memory."""

from contextlib import ExitStack, closing
from typing import Any

import numpy as np

from fastloss._cpu.engine import evaluate
from fastloss._cpu.launch import Progress
from fastloss._evaluate.table import Evaluation
from fastloss._evaluate.terms import Term
from fastloss._loss import Loss
from fastloss._rules.options import Wanted, call_of
from fastloss._rules.request import Request
from fastloss.commands import CommandError
from fastloss.commands.npy import Input, Output, check_apart, publish

Array = np.ndarray[Any, Any]

LOOKED = 1 << 20  # elements searched for NaN between two reports of progress


def evaluated(
    paths: dict[str, str | None],
    term: Term,
    out: dict[str, str],
    force: bool,
    progress: Progress,
    counted: bool,
    **options: Any,
) -> Evaluation:
    """Return the value, after the number of elements kept if `counted`; write all files of `out` or none."""
    with ExitStack() as files:
        given = {name: path for name, path in paths.items() if path is not None}
        inputs = {name: files.enter_context(closing(Input(path))) for name, path in given.items()}
        outputs = {option: Output(option, path, inputs.values(), force) for option, path in out.items()}
        check_apart(outputs)
        arrays = dict.fromkeys(paths) | {name: each.array for name, each in inputs.items()}
        for output in outputs.values():
            files.callback(output.discard)
        new = {option: output.create(inputs["pred"].array) for option, output in outputs.items()}
        value = _value(term.loss, arrays | options | {"params": term.params}, new, progress)
        _check_nan(inputs, arrays, value, new, progress)
        new.clear()  # no array may hold a map that is to be closed
        for output in outputs.values():
            output.flush(progress)
        found = Evaluation({"count": [_kept(arrays["pred"], arrays["where"])]} if counted else {})
        publish(outputs, inputs.values(), progress)
    return found if value is None else Evaluation(found | {term.label: [value]})


def _kept(pred: Any, where: Any) -> int:
    return int(pred.size) if where is None else int(np.count_nonzero(np.broadcast_to(where, pred.shape)))


def _check_nan(
    inputs: dict[str, Input],
    arrays: dict[str, Any],
    value: float | None,
    new: dict[str, Array],
    progress: Progress,
) -> None:
    """Refuse NaN in pred or target, which are searched only if a result is NaN."""
    if value == value and (value is not None or not any(_nan_in(x, None, progress) for x in new.values())):
        return
    where = arrays["where"]
    kept = None if where is None else np.broadcast_to(where, arrays["pred"].shape)
    found = []
    for name in ("pred", "target"):
        full = np.broadcast_to(arrays[name], arrays["pred"].shape)
        if count := _nan_in(full, kept, progress):
            found.append(f"{count:,} in {inputs[name].path}")
    if found:
        raise CommandError(f"numbers are missing (NaN): {', '.join(found)}; --skip-null leaves out such rows")


def _nan_in(x: Array, kept: Array | None, progress: Progress) -> int:
    """The number of kept elements that are NaN."""
    if x.dtype.kind != "f":
        return 0
    count = 0
    for lo in range(0, x.size, LOOKED):
        part = np.isnan(x.flat[lo : lo + LOOKED])
        count += int(np.count_nonzero(part if kept is None else part & kept.flat[lo : lo + LOOKED]))
        progress(min(lo + LOOKED, x.size), x.size)
    return count


def _value(loss: Loss, arguments: dict[str, Any], new: dict[str, Array], progress: Progress) -> float | None:
    """The value, if it is to be printed; one call of the engine computes it and fills the new arrays."""
    outs = new.get("--loss-out"), new.get("--grad-out"), None
    printed = arguments["reduction"] != "none"
    wanted = Wanted(value=printed or "--loss-out" in new, grad="--grad-out" in new)
    try:
        result = evaluate(Request(loss, call_of(wanted), **arguments, outs=outs), progress=progress)
    except (TypeError, ValueError) as error:
        raise CommandError(str(error)) from error
    return float(result[0] if wanted.grad else result) if printed else None
