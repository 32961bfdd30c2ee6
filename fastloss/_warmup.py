"""Compile ahead of the first call."""

from collections.abc import Iterable
from itertools import product
from typing import Any

import numpy as np

from fastloss._cpu import threads as _threads
from fastloss._cpu.plain import plain_kernel
from fastloss._loss import Loss
from fastloss._rules import options
from fastloss._rules.arrays import FLOAT32, FLOAT64
from fastloss._rules.plan import Plan, plan_of
from fastloss.losses import get, shipped


def warmup(
    *losses: Loss | str,
    calls: Iterable[str] | str = ("value", "value_and_grad"),
    dtypes: Iterable[str] | str = ("float32", "float64"),
    reductions: Iterable[str] | str = ("mean",),
    parallel: bool = True,
) -> None:
    """Compile kernels now instead of at the first call that needs them.

    The kernels are kept on disk, so call this where an image is built or a service starts. One loss takes
    some 10 seconds, most of them for code that all losses share; all losses take one to two minutes.

    Parameters
    ----------
    *losses : Loss or str
        Losses or their names; by default, all that fastloss ships.
    calls : iterable of str
        "value", "grad", "value_and_grad", "grad_and_hess", "value_grad_hess" or "irls_weights".
    dtypes : iterable of {"float32", "float64"}
    reductions : iterable of {"mean", "sum", "none"}
        The reductions; "mean" and "sum" share their kernels.
    parallel : bool, default True
        Whether to compile the multithreaded kernels too. That starts Numba's threads, which do not survive
        a fork: pass False in a process that will fork its workers.

    Raises
    ------
    ValueError
        An unknown loss, call, type or reduction.

    Examples
    --------
    >>> import fastloss
    >>> fastloss.warmup("huber", calls=["value"], dtypes=["float32"], parallel=False)
    """
    chosen = [get(name) for name in losses] or list(shipped().values())
    # All plans are made before the first kernel is compiled, so that nothing is compiled if one is unknown.
    plans = [_plan(*each) for each in product(chosen, _names(calls), _names(reductions), _names(dtypes))]
    twins = [False, True] if parallel and _threads.threads() > 1 else [False]
    for plan, twin in product(plans, twins):
        plain_kernel(plan, parallel=twin)


def _names(names: Iterable[str] | str) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


def _plan(loss: Loss, call: str, reduction: str, dtype: Any) -> Plan:
    definition = loss._weights if call == options.IRLS else loss
    call = "grad" if call == options.IRLS else call
    options.call("warmup", call)
    options.reduction("warmup", reduction)
    for known in (FLOAT32, FLOAT64):
        if isinstance(dtype, str | type | np.dtype) and dtype in (known, known.name, known.type):
            return plan_of(definition, call, reduction, known, (0.0,) * len(loss.domains))
    raise ValueError(f"warmup: dtypes must be 'float32' or 'float64', got {dtype!r}")
