"""The types that a formula returns for float32 numbers, and where it leaves float32."""

import linecache
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastloss._check.evaluation import Subject

_ARITHMETIC = {"binop", "inplace_binop", "unary", "call"}


def findings(subject: Subject) -> Iterator[str]:
    """Where a formula computes in float64 for float32 numbers.

    Raises
    ------
    TypeError
        The formula cannot be compiled, or does not return three real numbers.
    """
    from numba.core import types

    compiled = _compiled(subject)
    if compiled is None:
        return
    _check_result(subject, compiled.signature.return_type)
    kinds = compiled.type_annotation.typemap
    for statement in _statements(compiled.type_annotation):
        operands = [kinds.get(each.name) for each in statement.value.list_vars()]
        if kinds.get(statement.target.name) == types.float64 and types.float32 in operands:
            place = statement.loc
            line = linecache.getline(place.filename, place.line).strip()
            yield (
                f"float32 becomes float64 in line {place.line} of {Path(place.filename).name}, `{line}`: "
                "write T = type(pred), and T(0.5) for a literal"
            )
            return


def _compiled(subject: Subject) -> Any:
    """The formula as Numba compiles it for float32 numbers; None if the user has disabled compilation."""
    import numba
    from numba.core import types

    from fastloss._compile import code
    from fastloss._formula.element import settings

    if settings.DISABLE_JIT:
        return None
    source = code.source_of(subject.loss)
    code.make_callable(source, "cpu")
    dispatcher: Any = numba.njit(error_model="numpy")(source.function)
    try:
        dispatcher.compile((types.float32,) * len(subject.columns))
    except Exception as error:  # Numba's errors have no common class
        raise code.failure(subject.loss, error, "Numba") from None
    (compiled,) = dispatcher.overloads.values()
    return compiled


def _check_result(subject: Subject, result: Any) -> None:
    from numba.core import types

    real = types.Float, types.Integer, types.Boolean
    parts = list(getattr(result, "types", ()))
    if len(parts) != 3 or not all(isinstance(each, real) for each in parts):
        nothing = isinstance(result, types.NoneType | types.Optional)
        found = "one of its branches returns nothing" if nothing else f"it returns {result}"
        raise TypeError(
            f"loss {subject.loss.name} must return (value, gradient, second derivative), three real numbers; "
            f"for float32 numbers {found}"
        )


def _statements(annotation: Any) -> list[Any]:
    """The steps that compute something, in the order of their lines."""
    from numba.core import ir

    steps = [step for block in annotation.blocks.values() for step in block.body]
    found = [
        step
        for step in steps
        if isinstance(step, ir.Assign) and isinstance(step.value, ir.Expr) and step.value.op in _ARITHMETIC
    ]
    return sorted(found, key=lambda step: int(step.loc.line))
