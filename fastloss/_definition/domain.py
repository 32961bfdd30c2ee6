"""Domains: the numbers that a parameter or operand of a loss may be, and the default of a parameter."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from types import MappingProxyType


@dataclass(frozen=True)
class Domain:
    """An interval of numbers with an optional default; it never contains NaN.

    Use `positive`, `nonnegative`, `real` or `between` to make one.

    Parameters
    ----------
    low, high : float
        The bounds.
    low_included, high_included : bool
        Whether a bound belongs to the domain.
    default : float, optional
        The value of a parameter that is left out.
    """

    low: float
    high: float
    low_included: bool
    high_included: bool
    default: float | None = None

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"low must be below high in a domain, got {self.low!r} and {self.high!r}")
        if self.default is not None and self.default not in self:
            raise ValueError(f"the default must be {self}, got {self.default!r}")

    def __contains__(self, value: float) -> bool:
        above = value >= self.low if self.low_included else value > self.low
        below = value <= self.high if self.high_included else value < self.high
        return above and below

    def __str__(self) -> str:
        """Describe the domain in the words of an error message."""
        low = "" if self.low == -inf else f" {'>=' if self.low_included else '>'} {self.low:g}"
        if (self.low, self.high) == (-inf, inf):
            ends = [str(end) for end in (-inf, inf) if end in self]
            return " or ".join(["a finite number", *ends])
        if self.high == inf:
            return f"a number{low} or inf" if self.high_included else f"a finite number{low}"
        return f"a number{low} and {'<=' if self.high_included else '<'} {self.high:g}"


@dataclass(frozen=True)
class Labels:
    """A few numbers, one for each class; use `labels` to make it.

    Parameters
    ----------
    values : tuple of float
        The numbers.
    """

    values: tuple[float, ...]

    def __post_init__(self) -> None:
        different = {value for value in self.values if value == value}
        if not different or len(different) < len(self.values):
            raise ValueError(f"labels must be different numbers, got {self.values!r}")

    def __contains__(self, value: float) -> bool:
        return value in self.values

    def __str__(self) -> str:
        *others, last = [f"{value:g}" for value in self.values]
        return f"{', '.join(others)} or {last}"


Domains = Mapping[str, Domain]
Operands = Mapping[str, Domain | Labels]
ANYTHING: Operands = MappingProxyType({})  # the operands of a loss that declares no domains


def positive(default: float | None = None, *, infinite: bool = False) -> Domain:
    """Make the domain of numbers > 0.

    Parameters
    ----------
    default : float, optional
        The value of a parameter that is left out. Without a default, calls must pass the parameter.
    infinite : bool, default False
        Whether inf belongs to the domain.

    Returns
    -------
    Domain
        For a parameter or an operand of `fastloss.loss`.

    Examples
    --------
    >>> print(positive())
    a finite number > 0
    >>> float("inf") in positive(infinite=True)
    True
    """
    return Domain(0, inf, False, infinite, default)


def nonnegative(default: float | None = None, *, infinite: bool = False) -> Domain:
    """Make the domain of numbers >= 0.

    Parameters
    ----------
    default : float, optional
        The value of a parameter that is left out. Without a default, calls must pass the parameter.
    infinite : bool, default False
        Whether inf belongs to the domain.

    Returns
    -------
    Domain
        For a parameter or an operand of `fastloss.loss`.

    Examples
    --------
    >>> 0.0 in nonnegative(default=1.0)
    True
    """
    return Domain(0, inf, True, infinite, default)


def real(default: float | None = None) -> Domain:
    """Make the domain of all finite numbers.

    Parameters
    ----------
    default : float, optional
        The value of a parameter that is left out. Without a default, calls must pass the parameter.

    Returns
    -------
    Domain
        For a parameter or an operand of `fastloss.loss`.

    Examples
    --------
    >>> print(real())
    a finite number
    """
    return Domain(-inf, inf, False, False, default)


def between(low: float, high: float, default: float | None = None, *, included: bool = False) -> Domain:
    """Make the domain of the numbers between two bounds.

    Parameters
    ----------
    low, high : float
        The bounds.
    default : float, optional
        The value of a parameter that is left out. Without a default, calls must pass the parameter.
    included : bool, default False
        Whether the bounds belong to the domain.

    Returns
    -------
    Domain
        For a parameter or an operand of `fastloss.loss`.

    Examples
    --------
    >>> print(between(0, 1))
    a number > 0 and < 1
    >>> print(between(0, 1, included=True))
    a number >= 0 and <= 1
    """
    return Domain(low, high, included, included, default)


def labels(*values: float) -> Labels:
    """Make the domain of a few numbers, one for each class.

    Parameters
    ----------
    *values : float
        Different numbers.

    Returns
    -------
    Labels
        For an operand of `fastloss.loss`.

    Examples
    --------
    >>> print(labels(-1, 1))
    -1 or 1
    """
    return Labels(tuple(map(float, values)))
