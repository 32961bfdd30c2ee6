"""The losses that fastloss ships: one file each, named as users type it."""

from difflib import get_close_matches
from importlib import import_module
from inspect import getdoc
from pkgutil import iter_modules

from fastloss._loss import Loss


def shipped() -> dict[str, Loss]:
    """Every loss of this folder by its name."""
    names = [module.name for module in iter_modules(__path__)]
    return {name: getattr(import_module(f"{__name__}.{name}"), name) for name in names}


def get(name: str | Loss) -> Loss:
    """Return the shipped loss of that name.

    Parameters
    ----------
    name : str or Loss
        A loss's own name or one of its usual other names (``"l1"``, ``"mae"``, ``"l2"``,
        ``"mse"``, ...); case and hyphens don't matter. A `Loss` is returned as it is.

    Raises
    ------
    ValueError
        No loss has that name; the message lists near ones.

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
    raise ValueError(f"get: no loss is called {name!r}; near names: {', '.join(near)}")


def table() -> str:
    """The shipped losses as a Markdown table."""
    rows = ["| loss | value | parameters | other names |", "|---|---|---|---|"]
    for name, loss in shipped().items():
        formula = " ".join(str(getdoc(loss)).split("\n\n")[1].split()).partition("with `")[0].rstrip(", ")
        parameters = [
            f"`{each}`: {domain}, default {domain.default}" for each, domain in loss.domains.items()
        ] + [f"`{each}`: {domain}, else NaN" for each, domain in loss.operands.items()]
        names = [f"`{alias}`" for alias in loss.aliases]
        cells = f"`{name}`", formula.replace("``", "`"), "; ".join(parameters), ", ".join(names)
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)
