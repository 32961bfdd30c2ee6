"""The public function: losses over the columns of a file or table, of groups too."""

from collections.abc import Sequence
from typing import Any

from fastloss._evaluate.job import Job
from fastloss._evaluate.sources.opening import opened
from fastloss._evaluate.sources.source import by_roles
from fastloss._evaluate.table import Evaluation
from fastloss._evaluate.terms import terms_of


def evaluate(
    source: Any,
    loss: Any,
    *,
    pred: str = "pred",
    target: str = "target",
    weight: str | None = None,
    where: str | None = None,
    by: str | Sequence[str] | None = None,
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
        files in the order of their paths, a ``.npz`` file, a mapping of names to arrays of one axis, a table
        of Arrow, pandas or Polars, or a `pyarrow.dataset.Dataset`. All but ``.npz`` files and mappings need
        pyarrow.
    loss : Loss, str, partial, or list of them
        A loss, its name, with parameters as in ``"huber:delta=5"``, or ``functools.partial(huber, delta=5)``.
    pred, target : str
        The columns of predictions and targets: integers, floats or booleans. Those of CSV files are float64.
    weight, where : str, optional
        The columns of weights, and of booleans that tell which rows to keep.
    by : str or list of str, optional
        The column of keys by which rows are grouped: text, integers, dates, categories and the like. Those of
        CSV files are text. With several columns, each combination of keys that occurs is a group. A missing
        key is a key of its own, None, the last one.
    reduction : {"mean", "sum"}, default "mean"
    normalizer : float, optional
        With "mean": divide by this positive number instead.
    skip_null : bool, default False
        Leave out rows where `pred`, `target`, `weight` or `where` is null or NaN, which are an error else.

    Returns
    -------
    Evaluation
        A dictionary of columns: of each group its keys, the number of rows kept, and of each loss its value
        and its share of the sum over all groups. Without `by` there is one row, and no share.

    Raises
    ------
    ValueError
        A file that can't be read, a column that is not there or is there twice, also in the result, columns
        of several lengths, missing numbers, a weight or parameter that is not allowed.
    TypeError
        A column of a type that does not fit, an unknown parameter.
    ImportError
        A source for which pyarrow is missing.

    Warns
    -----
    RuntimeWarning
        A mean of nothing, or a sum that is NaN because the loss does not allow all of `pred` and `target`.

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
    given = {"pred": pred, "target": target, "weight": weight, "where": where}
    keys = [by] if isinstance(by, str) else [] if by is None else list(by)
    if by is not None and not keys:
        raise ValueError("evaluate: by must be a column or a list of columns, got an empty list")
    columns = {role: column for role, column in given.items() if column is not None}
    columns |= zip(by_roles(len(keys)), keys, strict=True)
    if reduction == "none":
        raise ValueError(
            "evaluate: reduction must be 'mean' or 'sum', got 'none': call the loss for its elements"
        )
    terms = terms_of(loss)
    opened_source = opened(source, list(columns.values()))
    operands = {role: (opened_source, column) for role, column in columns.items()}
    return Job(operands, terms, reduction, normalizer, skip_null).run()
