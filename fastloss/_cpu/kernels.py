"""Kernels of losses, made at first use: the kernel that all losses share, with the row function of one."""

from functools import cache, partial
from typing import Any

import numpy as np

from fastloss._compile import code, forked, numba_internals, store
from fastloss._cpu import kernel, row
from fastloss._cpu.interpreted import interpreted
from fastloss._cpu.variant import Variant
from fastloss._definition.definition import Definition
from fastloss._formula.element import element_of


def make(loss: Definition, variant: Variant) -> Any:
    """The kernel of a variant with a loss's row function, compiled or taken from the cache on disk.

    It does not check the types of its arguments.
    """
    with forked.compiler_lock():
        made = loss._kernels.get(variant)  # perhaps made by another thread
        if made is None:
            make_one = _interpreted if store.settings.DISABLE_JIT else _compiled
            made = loss._kernels[variant] = make_one(loss, variant)
        return made


def _compiled(loss: Definition, variant: Variant) -> Any:
    twin = loss._kernels.get(variant._replace(parallel=not variant.parallel))
    alone = variant._replace(parallel=False)
    rows = store.compile_for(loss, alone, row) if twin is None else twin.rows
    made: Any = partial(_shared(variant), numba_internals.address(rows, row.SIGNATURE))
    made.rows = rows  # keeps its code alive
    return made


@cache
def _shared(variant: Variant) -> Any:
    return store.compile_own(kernel, kernel.signature(variant), variant, parallel=variant.parallel)


def _interpreted(loss: Definition, variant: Variant) -> Any:
    """A kernel that is not compiled, with the results of one that is and, like it, without warnings."""
    element = element_of(code.function_of(loss), variant.dtype.type, loss.operands, loss.irls)
    plain = interpreted(element, variant.summed)

    def run(*operands: Any) -> float:
        with np.errstate(all="ignore"):
            return float(plain(*operands))

    return run
