"""From the type of the arrays to the engine that computes on them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from fastloss import _host


def engine(pred: Any, target: Any) -> Callable[..., Any]:
    """The function that computes a call on these arrays."""
    if type(pred) is not np.ndarray or type(target) is not np.ndarray:
        for name, operand in (("pred", pred), ("target", target)):
            if hasattr(operand, "__cuda_array_interface__"):
                raise NotImplementedError(f"{name} is a CUDA array, which this version does not support")
    return _host.evaluate
