"""The public function `evaluate`: losses over the columns of a file or table, also by group."""

from typing import Any

from fastloss._evaluate.job import Job
from fastloss._evaluate.sources.opening import opened
from fastloss._evaluate.sources.source import by_roles
from fastloss._evaluate.table import Evaluation
from fastloss._evaluate.terms import terms_of
from fastloss._rules.formatting import shown


def evaluate(
    source: Any,
    loss: Any,
    *,
    pred: str = "pred",
    target: str = "target",
    weight: str | None = None,
    where: str | None = None,
    by: str | list[str] | tuple[str, ...] | None = None,
    reduction: str = "mean",
    normalizer: float | None = None,
    skip_null: bool = False,
) -> Evaluation:
    """Evaluate losses over columns in one pass, in memory that does not grow with the number of rows.

    Each value has the bits of ``loss(pred, target, weight=..., where=...)`` on all rows, or on all rows of
    its group, in their order.

    Parameters
    ----------
    source : str, path, mapping or table
        A Parquet, CSV or Arrow file (``.parquet``, ``.csv``, ``.arrow``, ``.feather``), a folder of such
        files in the order of their paths, a ``.npz`` file, a mapping of names to one-dimensional arrays, an
        Arrow, pandas or Polars table, or a `pyarrow.dataset.Dataset`. All except ``.npz`` files and mappings
        need pyarrow.
    loss : Loss, str, partial, or list of them
        A loss, its name, its name with parameters as in ``"huber:delta=5"``, a partial such as
        ``functools.partial(huber, delta=5)``, or a list of these.
    pred, target : str
        The names of the columns of predictions and targets: integers, floats or booleans. Columns of CSV
        files are read as float64.
    weight, where : str, optional
        The names of the columns of weights, and of booleans that tell which rows to keep.
    by : str or list of str, optional
        The name of the column of keys by which rows are grouped: text, integers, dates, categories and the
        like; in CSV files, always text. With several columns, each combination of keys that occurs is a
        group. A missing key is a key of its own, None, which comes last.
    reduction : {"mean", "sum"}, default "mean"
        Whether values are means or sums over rows.
    normalizer : float, optional
        With "mean", the positive number to divide by, instead of the number of rows or the sum of weights.
    skip_null : bool, default False
        Leave out rows where `pred`, `target`, `weight` or `where` is null or NaN. By default, such rows
        are an error.

    Returns
    -------
    Evaluation
        A dictionary of columns with a row for each group: its keys, the number of rows kept and, for each
        loss, its value and its share of the sum over all groups. Without `by`, there is a single row, without
        keys and shares.

    Raises
    ------
    ValueError
        If a file cannot be read, a column is absent or occurs twice (also in the result), columns differ in
        length, numbers are missing, or a weight or parameter is not allowed.
    TypeError
        If a column has an unsuitable type, or a parameter is unknown.
    ImportError
        If the source needs pyarrow and it is not installed.

    Warns
    -----
    RuntimeWarning
        If a mean is taken over no elements, or a sum is NaN because some `pred` or `target` is outside the
        domain of the loss.

    Examples
    --------
    >>> import fastloss
    >>> flights = {"carrier": ["UA", "AA", "UA"], "delay": [11.0, 33.0, 2.0], "predicted": [9.0, 20.0, 2.0]}
    >>> losses = ["huber:delta=5", "absolute_error"]
    >>> fastloss.evaluate(flights, losses, pred="predicted", target="delay", by="carrier")
    carrier  count  huber:delta=5  huber:delta=5 share  absolute_error  absolute_error share
         AA      1           52.5             0.963303              13              0.866667
         UA      2              1            0.0366972               1              0.133333
    """
    columns = _columns_of({"pred": pred, "target": target, "weight": weight, "where": where}, by)
    if reduction == "none":
        raise ValueError(
            "evaluate: reduction must be 'mean' or 'sum', got 'none': call the loss itself for its elements"
        )
    terms = terms_of(loss)
    table = opened(source, list(columns.values()))
    operands = {role: (table, column) for role, column in columns.items()}
    return Job(operands, terms, reduction, normalizer, skip_null).run()


def _columns_of(operands: dict[str, Any], by: Any) -> dict[str, str]:
    """The names of the columns by their roles."""
    keys = list(by) if isinstance(by, list | tuple) else [] if by is None else [by]
    if by is not None and not keys:
        raise ValueError("evaluate: by must be a column or a list of columns, got an empty list")
    columns = {role: column for role, column in operands.items() if column is not None}
    columns |= zip(by_roles(len(keys)), keys, strict=True)
    for role, column in columns.items():
        if not isinstance(column, str):
            said = f"evaluate: {role} must be the name of a column, a string, got {shown(column)}"
            raise TypeError(f"{said}: add the numbers to the table" if hasattr(column, "__len__") else said)
    return columns
