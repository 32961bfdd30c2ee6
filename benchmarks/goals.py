"""A line of the report's table: what was measured, and what was wanted."""

from typing import NamedTuple


class Figure(NamedTuple):
    """One line of the table."""

    what: str
    measured: str
    goal: str
    reached: bool


def ratio(what: str, speed: float, goal: float | None) -> Figure:
    """A speed in units of another's, which is to be at least the goal."""
    wanted = "" if goal is None else f">= {goal:g} x"
    return Figure(what, f"{speed:.2f} x", wanted, goal is None or speed >= goal)


def at_most(what: str, time: float, goal: float) -> Figure:
    """A time in units of another's, which is to be at most the goal."""
    return Figure(what, f"{time:.2f} x", f"<= {goal:g} x", time <= goal)
