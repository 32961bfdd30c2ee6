"""Rows of the report's tables: what was measured, and its goal."""

from typing import NamedTuple


class Figure(NamedTuple):
    """One row of the table."""

    what: str
    measured: str
    goal: str
    reached: bool

    @property
    def verdict(self) -> str:
        """Whether the goal was reached; nothing without a goal."""
        return "" if not self.goal else "yes" if self.reached else "NO"

    def row(self) -> str:
        """The row in Markdown."""
        return table_row([self.what, self.measured, self.goal, self.verdict])


def table_row(cells: list[str]) -> str:
    return "|".join(["", *(f" {cell} " for cell in cells), ""])


def ratio(what: str, speed: float, goal: float | None) -> Figure:
    """A speed relative to another, which should be at least the goal."""
    wanted = "" if goal is None else f">= {goal:g} x"
    return Figure(what, f"{speed:.2f} x", wanted, goal is None or speed >= goal)


def at_most(what: str, time: float, goal: float) -> Figure:
    """A time relative to another, which should be at most the goal."""
    return Figure(what, f"{time:.2f} x", f"<= {goal:g} x", time <= goal)
