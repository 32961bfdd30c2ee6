"""How messages show a value from the caller."""

from reprlib import repr as shortened
from typing import Any


def shown(value: Any) -> str:
    """A value in one short line, even if its ``repr`` is long or raises."""
    try:
        return " ".join(shortened(value).split())
    except Exception:  # for an int of more digits than Python prints, or from a class's own code
        return f"one of type {type(value).__name__}"
