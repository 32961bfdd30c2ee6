"""What a loss is: a formula and the domains of its parameters, with what engines cache for it."""

import dis
import inspect
from collections.abc import Callable, Iterator
from functools import partial
from types import CodeType, FunctionType, MappingProxyType, MethodType
from typing import Any, NoReturn

from fastloss._definition.domain import ANYTHING, Domain, Domains, Labels, Operands

Formula = Callable[..., Any]

OPERANDS = ("pred", "target", "weight", "where")
OUTPUTS = ("loss_out", "grad_out", "hess_out")
WEIGHTS_OUT = "weights_out"
#: The keywords that every call takes: no parameter may have one of these names.
OPTIONS = (*OPERANDS, "reduction", "normalizer", "stream", *OUTPUTS, WEIGHTS_OUT)


class Definition:
    """A loss as engines use it; `fastloss.Loss` adds the calls.

    Parameters
    ----------
    formula : function
        The loss of one element: ``(pred, target, *parameters)`` to ``(value, gradient, second derivative)``.
    domains : mapping from str to Domain
        The domain of each parameter, in any order.
    aliases : tuple of str
        Other names.
    operands : mapping from str to Domain or Labels, optional
        What pred and target may be, if not any number. For an element outside its domain, the value and the
        derivatives are NaN.
    irls_weights : "hess" or function, optional
        The weights of iteratively reweighted least squares, if they are not the gradient over the error:
        the second derivative, or a function ``(pred, target, *parameters)``.

    Raises
    ------
    TypeError
        The formula is not a plain Python function of these parameters, or has a ``raise`` or ``assert``.
    """

    #: The names of the outputs of its calls.
    outputs: tuple[str, str, str] = OUTPUTS
    #: How kernels make weights of the formula's results, see `fastloss._formula.irls`; None if they do not.
    irls: str | None = None

    def __init__(
        self,
        formula: Formula,
        domains: Domains,
        aliases: tuple[str, ...] = (),
        operands: Operands = ANYTHING,
        irls_weights: Formula | str | None = None,
    ) -> None:
        #: The domain of each parameter, in the order in which the formula takes them.
        self.domains = _checked(formula, domains)
        #: What pred and target may be, if not any number.
        self.operands = _checked_operands(formula, operands)
        #: The argument `irls_weights`, under another name because the loss has a call of that name.
        self.own_weights = _checked_weights(formula, irls_weights)
        self.name: str = formula.__name__
        self.__qualname__: str = formula.__qualname__
        self.formula = formula
        self.aliases = aliases
        self._plans: dict[Any, Any] = {}  # plans of calls that have been checked
        self._kernels: dict[Any, Any] = {}  # compiled kernels
        self._source: Any = None  # the code that kernels are made from, once it is needed
        self._packed: bytes | None = None  # the same, pickled for other processes
        self._weights = Weights(self)


class Weights(Definition):
    """The IRLS weights of a loss, as the gradient of a definition that shares the code of the loss."""

    outputs = OUTPUTS[0], WEIGHTS_OUT, OUTPUTS[2]

    def __init__(self, loss: Definition) -> None:
        self.loss = loss
        self.name, self.formula = loss.name, loss.formula
        self.domains, self.operands = loss.domains, loss.operands
        own = loss.own_weights
        self.irls = "ratio" if own is None else own if isinstance(own, str) else "own"
        self._plans, self._kernels = {}, {}


def _checked(formula: Formula, domains: Domains) -> Domains:
    """Check a formula; return its domains, read-only, in the order in which it takes its parameters."""
    if not inspect.isfunction(formula):
        refuse(formula)
    name, signature = formula.__name__, inspect.signature(formula)
    kinds = {parameter.kind for parameter in signature.parameters.values()}
    declared = list(signature.parameters)[2:]
    plain = kinds <= {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
    if not plain or len(signature.parameters) < 2 or sorted(declared) != sorted(domains):
        raise TypeError(
            f"loss {name}: the function must take (pred, target{''.join(', ' + d for d in domains)}), "
            f"as the decorator declares; it takes {signature}"
        )
    if formula.__defaults__:
        raise TypeError(f"loss {name}: give defaults in the decorator, such as positive(default=1.0)")
    if raises(formula):
        raise TypeError(f"loss {name}: a formula must not raise, as it runs in threads: return NaN instead")
    for parameter, domain in domains.items():
        if not isinstance(domain, Domain):
            raise TypeError(
                f"loss {name}: {parameter} needs a domain such as positive(default=1.0), got {domain!r}"
            )
        if parameter in (*OPTIONS, "self"):
            raise TypeError(f"loss {name}: {parameter} is taken by every call, choose another name")
    return MappingProxyType({parameter: domains[parameter] for parameter in declared})


def _checked_operands(formula: Formula, operands: Operands) -> Operands:
    for operand, domain in operands.items():
        given: Any = domain
        if not isinstance(given, Domain | Labels) or getattr(given, "default", None) is not None:
            raise TypeError(
                f"loss {formula.__name__}: {operand} needs a domain without a default, such as "
                f"nonnegative(), got {domain!r}"
            )
    return MappingProxyType(dict(operands))


def _checked_weights(formula: Formula, given: Any) -> Formula | str | None:
    """Check and return what a loss declares as its IRLS weights."""
    if given is None or (isinstance(given, str) and given == "hess"):
        return given
    takes = inspect.signature(formula)
    who = f"loss {formula.__name__}: irls_weights"
    if not inspect.isfunction(given):
        raise TypeError(f"{who} must be 'hess' or a plain Python function of {takes}, got {given!r}")
    if list(inspect.signature(given).parameters)[2:] != list(takes.parameters)[2:]:
        raise TypeError(f"{who} must take {takes} as the loss does; it takes {inspect.signature(given)}")
    if raises(given):
        raise TypeError(f"{who} must not raise, as it runs in threads: return NaN instead")
    return given


def refuse(formula: Any) -> NoReturn:
    """Raise an error that says what was given instead of a function, and what to do about it."""
    hint = ""
    if isinstance(formula, MethodType):
        hint = ", a bound method: write a function outside of the class"
    elif isinstance(formula, partial):
        hint = ": write a function with the fixed values as globals"
    elif inspect.isfunction(getattr(formula, "py_func", None)):
        hint = ", which is compiled already: remove its decorator"
    raise TypeError(f"loss: expected a plain Python function, got {formula!r}{hint}")


def raises(function: FunctionType) -> bool:
    """Whether a function's own code has a ``raise`` or an ``assert``."""
    # Every second byte is an opcode. (`dis.get_instructions` took 15 ms of `import fastloss`.)
    return any(dis.opmap["RAISE_VARARGS"] in code.co_code[::2] for code in codes(function.__code__))


def codes(code: CodeType) -> Iterator[CodeType]:
    """Code, and the code of the functions within it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes(constant)
