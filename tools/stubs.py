"""Write `fastloss/__init__.pyi`, by which type checkers and editors know each loss's own parameters.

    python -m tools.stubs

Losses of the same parameters have one class, whose calls are overloaded: numbers give numbers, CUDA arrays
what their library has, and all other arrays a number for a reduced value and NumPy's arrays for the rest, or
pandas' of pred's own kind, which are known by their `iloc`. A Dask array as pred or target, known by its
`__dask_graph__`, gives arrays of its kind. What speaks DLPack alone may be on either side.
(To mypy, pandas' types with a `__getattr__` have every attribute there is: results are of any type.)
"""

from pathlib import Path

import fastloss
from fastloss import Loss
from fastloss._rules.options import CALLS, IRLS
from fastloss.losses import shipped

PACKAGE = Path(fastloss.__file__).parent
OUTPUT = PACKAGE / "__init__.pyi"
#: The outputs that each call takes, with whether the result is reduced.
OUTS = {"loss_out": True, "grad_out": False, "hess_out": False}
METHODS = {
    ("__call__" if call == "value" else call): dict(
        out for out, wanted in zip(OUTS.items(), kinds, strict=True) if wanted
    )
    for call, kinds in CALLS.items()
} | {IRLS: {"weights_out": False}}


def source() -> str:
    """The stub."""
    names = shipped()
    classes: dict[str, tuple[str, ...]] = {}
    for loss in names.values():
        classes.setdefault(class_of(loss), tuple(loss.domains))
    parts = [HEADER, imports(names), HEAD]
    parts += [text for name, params in sorted(classes.items()) for text in class_text(name, params)]
    parts += [f"{name}: {class_of(loss)}\n" for name, loss in sorted(names.items())]
    return "".join(parts)


def class_of(loss: Loss) -> str:
    """The name of the class of a loss's parameters."""
    return f"_Loss{''.join(name.capitalize() for name in loss.domains)}"


def imports(losses: dict[str, Loss]) -> str:
    """The imports of all public names that are no losses, as the package has them."""
    lines = (PACKAGE / "__init__.py").read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if line.startswith("from ") and line.split()[-1] not in losses]
    return "".join(f"{without_alias(line)}\n" for line in kept)


def without_alias(line: str) -> str:
    """An import in the form by which a stub exports what it imports."""
    start, _, names = line.partition(" import ")
    return f"{start} import {', '.join(f'{name} as {name}' for name in names.split(', '))}"


def class_text(name: str, params: tuple[str, ...]) -> list[str]:
    """The keywords of a class's calls, and the class."""
    keywords = f"{name}Keywords"
    fields = "".join(f"    {param}: _Parameter\n" for param in params) or "    pass\n"
    calls = "".join(method_text(method, outs, keywords) for method, outs in METHODS.items())
    return [f"class {keywords}(_Keywords, total=False):\n{fields}\n", f"class {name}(Loss):\n{calls}\n"]


def method_text(method: str, outs: dict[str, bool], keywords: str) -> str:
    """The overloads of one call."""
    # The types of pred and target, the reductions, and the results.
    kinds = [
        ("float", "float", "_Reduction", ["float"] * len(outs)),
        ("_OnDevice", "_Operand", "_Reduction", ["Any"] * len(outs)),
        ("_LazyArray", "_Operand", "_Reduction", ["_LazyArray"] * len(outs)),
        ("_Operand", "_LazyArray", "_Reduction", ["_LazyArray"] * len(outs)),
    ]
    elementwise = "_Elementwise" if any(outs.values()) else "_Reduction"
    for pred, target, array in (("_Labels", "_Operand", "_Labels"), ("ArrayLike", "ArrayLike", "_Array")):
        if any(outs.values()):
            mixed = ["float" if reduced else array for reduced in outs.values()]
            kinds.append((pred, target, "_Reduced", mixed))
        kinds.append((pred, target, elementwise, [array] * len(outs)))
    kinds.append(("_Spoken", "_Operand", "_Reduction", ["Any"] * len(outs)))
    found = []
    for pred, target, reduction, results in kinds:
        default = "" if reduction == "_Elementwise" else " = ..."
        # An output that is given comes back itself, without labels. Dask arrays take none.
        plain = not {pred, target} & {"_Labels", "_LazyArray"}
        given = "".join(f", {out}: _Out = ..." for out in outs if plain)
        result = results[0] if len(results) == 1 else f"tuple[{', '.join(results)}]"
        found.append(
            f"    @overload\n    def {method}(self, pred: {pred}, target: {target}, *, "
            f"reduction: {reduction}{default}{given}, **keywords: Unpack[{keywords}]) -> {result}: ...\n"
        )
    return "".join(found)


HEADER = '''"""Types of the public names. Written by ``python -m tools.stubs``, which says how."""

from typing import Any, Literal, Protocol, TypeAlias, TypedDict, TypeVar, Unpack, overload

from numpy import dtype, ndarray
from numpy.typing import ArrayLike

'''

HEAD = """
__version__: str

_Array: TypeAlias = ndarray[Any, dtype[Any]]
_Elementwise: TypeAlias = Literal["none"]
_Reduced: TypeAlias = Literal["mean", "sum"]
_Reduction: TypeAlias = Literal["mean", "sum", "none"]

class _OnDevice(Protocol):
    @property
    def __cuda_array_interface__(self) -> Any: ...

class _Spoken(Protocol):
    @property
    def __dlpack__(self) -> Any: ...

class _Labelled(Protocol):
    @property
    def iloc(self) -> Any: ...

class _Lazy(Protocol):
    def __dask_graph__(self) -> Any: ...

_Labels = TypeVar("_Labels", bound=_Labelled)
_LazyArray = TypeVar("_LazyArray", bound=_Lazy)
_Operand: TypeAlias = ArrayLike | _OnDevice | _Spoken | _Labelled | _Lazy
_Out: TypeAlias = _Array | _OnDevice | _Spoken | None
_Parameter: TypeAlias = ArrayLike | _OnDevice | _Spoken | _Labelled | _Lazy

class _Keywords(TypedDict, total=False):
    weight: _Operand | None
    where: _Operand | None
    normalizer: float | _Lazy | None
    stream: Any

"""


def main() -> None:
    """Write the stub."""
    OUTPUT.write_text(source(), encoding="utf-8")


if __name__ == "__main__":
    main()
