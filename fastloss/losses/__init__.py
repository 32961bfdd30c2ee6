"""The losses that fastloss ships: one file for each, named as users type it, in the folder of its kind."""

import ast
from difflib import get_close_matches
from importlib import import_module
from inspect import cleandoc, getsource
from pkgutil import iter_modules
from typing import Any

from fastloss._loss import Loss

#: The heading of each kind of loss. The kinds are the subfolders of this one.
KINDS = {
    "regression": "Regression",
    "robust": "Robust regression",
    "quantiles": "Quantiles and expectiles",
    "counts": "Counts and scales",
    "classification": "Classification",
}


def shipped() -> dict[str, Loss]:
    """Every loss by its name."""
    return {loss.name: loss for losses in grouped().values() for loss in losses}


def grouped() -> dict[str, list[Loss]]:
    """The losses of each kind, under its heading."""
    return {heading: _losses_of(f"{__name__}.{kind}") for kind, heading in KINDS.items()}


def _losses_of(folder: str) -> list[Loss]:
    names = [module.name for module in iter_modules(import_module(folder).__path__)]
    return [getattr(import_module(f"{folder}.{name}"), name) for name in names]


def get(name: str | Loss) -> Loss:
    """Return the shipped loss of a given name.

    Parameters
    ----------
    name : str or Loss
        A loss's own name or one of its usual other names (``"l1"``, ``"mae"``, ``"l2"``,
        ``"mse"``, ...). Case does not matter, and a hyphen or a space counts as an underscore. A
        `Loss` is returned as it is.

    Returns
    -------
    Loss
        The loss.

    Raises
    ------
    ValueError
        No loss has that name; the message lists similar names.
    TypeError
        `name` is neither a string nor a loss.

    Examples
    --------
    >>> import fastloss
    >>> fastloss.get("mse")
    <fastloss loss squared_error>
    """
    if isinstance(name, Loss):
        return name
    if not isinstance(name, str):
        raise TypeError(f"get: the name must be a str or a Loss, got {type(name).__name__}")
    known = {alias: loss for loss in shipped().values() for alias in (loss.name, *loss.aliases)}
    wanted = name.lower().replace("-", "_").replace(" ", "_")
    if wanted in known:
        return known[wanted]
    near = get_close_matches(wanted, known) or sorted(shipped())
    raise ValueError(f"get: no loss is called {name!r}; similar names: {', '.join(near)}")


def table() -> str:
    """The shipped losses as Markdown: a table for each kind."""
    parts = [f"### {heading}\n\n{_table_of(losses)}" for heading, losses in grouped().items()]
    return "\n\n".join(parts)


def _documentation(loss: Loss) -> str:
    """The docstring of a formula, from its source, as ``python -OO`` strips it from the function."""
    function: Any = ast.parse(cleandoc(getsource(loss.formula))).body[0]
    return ast.get_docstring(function) or ""


def formula_of(loss: Loss) -> str:
    """The formula in the docstring of a shipped loss, in code and words."""
    formula = " ".join(_documentation(loss).split("\n\n")[1].split()).partition("with ``e = ")[0]
    return formula.partition(". ")[0].rstrip(",. ").replace("``", "`")


def _table_of(losses: list[Loss]) -> str:
    rows = ["| loss | value | parameters | other names |", "|---|---|---|---|"]
    for loss in losses:
        parameters = [
            f"`{each}`: {domain}, default {domain.default}" for each, domain in loss.domains.items()
        ] + [f"`{each}`: {domain}, else NaN" for each, domain in loss.operands.items()]
        names = [f"`{alias}`" for alias in loss.aliases]
        cells = f"`{loss.name}`", formula_of(loss), "; ".join(parameters), ", ".join(names)
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)
