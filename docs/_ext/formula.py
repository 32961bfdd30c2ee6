"""Formulas in docstrings of losses, which are written as code there, converted to LaTeX."""

import re

import sympy

from fastloss.losses import formula_of

# To SymPy, some of these names mean something else.
_SYMBOLS = (
    "alpha", "beta", "gamma", "delta", "epsilon", "tau", "scale", "power", "width", "pred", "target",
    "e", "r", "s", "b", "p_t", "alpha_t",
)  # fmt: skip
_KNOWN = {name: sympy.Symbol(name) for name in _SYMBOLS} | {
    "abs": sympy.Abs,
    "max": sympy.Function(r"\max"),
    "log": sympy.log,
    "exp": sympy.Function(r"\exp"),  # SymPy would print a power of e, which is the error here
    "cosh": sympy.cosh,
}
_UPRIGHT = {_KNOWN[name]: rf"\mathrm{{{name}}}" for name in ("pred", "target", "scale", "power", "width")}


def latex(code: str) -> str:
    """A Python expression, comparison or definition as LaTeX."""
    sides = [side.strip() for side in re.split(r"(?<![<>=!])=(?!=)", code)]
    return " = ".join(_expression(side) for side in sides)


def _expression(code: str) -> str:
    found = sympy.sympify(code, locals=_KNOWN, evaluate=False)
    return sympy.latex(found, symbol_names=_UPRIGHT, ln_notation=False, order="none", mul_symbol=r" \, ")


def display(loss) -> str:
    """The formula as a displayed equation, with the words around it."""
    text = formula_of(loss)
    error = "With $e = \\mathrm{pred} - \\mathrm{target}$, the" if re.search(r"\be\b", text) else "The"
    return f"{error} loss of an element is\n\n{_equation(text)}"


def _equation(text: str) -> str:
    cases = re.fullmatch(r"`([^`]*)` where `([^`]*)`, else `([^`]*)`(.*)", text, re.DOTALL)
    if cases is None:
        first, _, rest = text.removeprefix("`").partition("`")
        return f"$$\n{latex(first)}\n$$\n\n{_words(rest)}"
    inside, where, outside, rest = cases.groups()
    body = rf"{latex(inside)} & \text{{if }} {latex(where)} \\ {latex(outside)} & \text{{otherwise}}"
    return f"$$\n\\begin{{cases}} {body} \\end{{cases}}\n$$\n\n{_words(rest)}"


def _words(rest: str) -> str:
    rest = rest.lstrip(", ").removeprefix("and ")
    return re.sub(r"`([^`]*)`", lambda code: f"${latex(code[1])}$", rest)
