"""What messages show of a value that somebody gave."""

from reprlib import repr as shortened
from typing import Any


def shown(value: Any) -> str:
    """A value in one short line, whatever it says of itself."""
    try:
        return " ".join(shortened(value).split())
    except Exception:  # of an int of more digits than Python writes, or of anybody's own code
        return f"one of type {type(value).__name__}"
