"""The result: a small table by columns."""

from typing import Any

import numpy as np


class Evaluation(dict[str, Any]):
    """The result of `fastloss.evaluate`: a dictionary from names to columns, with an item for each group.

    Columns are lists or arrays. ``pandas.DataFrame(found)`` and ``polars.DataFrame(dict(found))`` make a
    frame of the result.

    Attributes
    ----------
    skipped : int
        How many rows were left out because a number was missing.
    """

    skipped: int = 0

    def rows(self) -> list[dict[str, Any]]:
        """Return each row as a dictionary of Python objects.

        Returns
        -------
        list of dict
            A dictionary for each group.
        """
        columns = [x.tolist() if isinstance(x, np.ndarray) else x for x in self.values()]
        return [dict(zip(self, row, strict=True)) for row in zip(*columns, strict=True)]

    def __repr__(self) -> str:
        cells = [list(self), *([_shown(x) for x in row.values()] for row in self.rows())]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = [
            "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in cells
        ]
        return "\n".join(line.rstrip() for line in lines)


def _shown(cell: Any) -> str:
    return "null" if cell is None else f"{cell:.6g}" if isinstance(cell, float) else str(cell)
