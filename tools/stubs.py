"""Write `fastloss/__init__.pyi`, from which type checkers and editors know the parameters of each loss.

    python -m tools.stubs

Losses with the same parameters share one class, whose calls are overloaded. Numbers give numbers, and CUDA
arrays give results of any type. Other arrays give a number for a reduced value and NumPy arrays for the rest.
If pred is of pandas, which has the attribute `iloc`, these are of the same type as pred. A Dask array as pred
or target, recognised by `__dask_graph__`, gives Dask arrays. An array that supports only DLPack may be on the
host or on a device, so its results are of any type. (For mypy, the types of pandas with a `__getattr__` have
every attribute, so their results are of any type too.)
"""

from pathlib import Path

import fastloss
from fastloss import Loss
from fastloss._rules.options import CALLS, IRLS
from fastloss.losses import shipped

PACKAGE = Path(fastloss.__file__).parent
OUTPUT = PACKAGE / "__init__.pyi"
#: The outputs, and whether the result can be reduced. Each call takes some of them.
OUTS = {"loss_out": True, "grad_out": False, "hess_out": False}
METHODS = {
    ("__call__" if call == "value" else call): dict(
        out for out, wanted in zip(OUTS.items(), kinds, strict=True) if wanted
    )
    for call, kinds in CALLS.items()
} | {IRLS: {"weights_out": False}}


def source() -> str:
    """The source of the stub."""
    names = shipped()
    classes: dict[str, tuple[str, ...]] = {}
    for loss in names.values():
        classes.setdefault(class_of(loss), tuple(loss.domains))
    parts = [HEADER, imports(names), HEAD]
    parts += [text for name, params in sorted(classes.items()) for text in class_text(name, params)]
    parts += [f"{name}: {class_of(loss)}\n" for name, loss in sorted(names.items())]
    return "".join(parts)


def class_of(loss: Loss) -> str:
    """The name of the class for the parameters of a loss."""
    return f"_Loss{''.join(name.capitalize() for name in loss.domains)}"


def imports(losses: dict[str, Loss]) -> str:
    """The imports of all public names that are not losses, as in the package."""
    lines = (PACKAGE / "__init__.py").read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if line.startswith("from ") and line.split()[-1] not in losses]
    return "".join(f"{without_alias(line)}\n" for line in kept)


def without_alias(line: str) -> str:
    """Rewrite an import in the form in which a stub exports the names."""
    start, _, names = line.partition(" import ")
    return f"{start} import {', '.join(f'{name} as {name}' for name in names.split(', '))}"


def class_text(name: str, params: tuple[str, ...]) -> list[str]:
    """The source of the keywords of a class, and of the class."""
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
        # A given output is returned itself, without labels. Dask arrays take no outputs.
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
