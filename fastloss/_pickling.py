"""Pickling of losses for other processes: by name, like functions, or else with their code."""

import pickle
import sys
from typing import Any

from fastloss._compile import uninterrupted
from fastloss._definition.definition import Definition

# Losses pickled or unpickled with their code, the latest last. Each task of a cluster brings the same bytes:
# they give the same loss again, whose kernels are already compiled.
_MOST_KNOWN = 64
_known: dict[bytes, Definition] = {}


def has_a_name(loss: Definition) -> bool:
    """Whether another process can import a loss."""
    if loss.__module__ in ("__main__", "__mp_main__"):  # each process has another module of this name
        return False
    found: Any = sys.modules.get(loss.__module__)
    for part in loss.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is loss


def packed(loss: Definition) -> bytes:
    """A loss pickled with the code that its kernels are made from."""
    if loss._packed is None:
        uninterrupted.load("numba.cloudpickle")
        from numba import cloudpickle  # Numba's own, which any process with fastloss can read

        from fastloss._compile.code import source_of

        source = source_of(loss)
        if source.bound_here is not None:
            raise TypeError(
                f"loss {loss.name} cannot be sent to another process: it calls {source.bound_here}, "
                "whose @overload only this process has; put it into a module"
            )
        dumps: Any = cloudpickle.dumps
        own = source.weights or loss.own_weights
        of_all = dict(loss.domains), loss.aliases, dict(loss.operands), own
        loss._packed = dumps((source.function, loss.__qualname__, *of_all))
    code: bytes = loss._packed
    _remember(code, loss)
    return code


def unpacked(kind: type[Definition], code: bytes) -> Definition:
    """The loss that was packed; the same object if it is known."""
    known = _known.get(code)
    if known is not None:
        return known
    formula, name, *rest = pickle.loads(code)
    formula.__qualname__ = name
    loss = kind(formula, *rest)
    loss._packed = code
    _remember(code, loss)
    return loss


def _remember(code: bytes, loss: Definition) -> None:
    _known.pop(code, None)
    _known[code] = loss
    if len(_known) > _MOST_KNOWN:
        _known.pop(next(iter(_known)), None)
