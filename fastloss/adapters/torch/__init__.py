"""Losses for PyTorch: value and gradient in one pass, as modules and functions that work with autograd.

`Loss` and a class for each loss of fastloss, such as `Huber`, are modules. `smooth_l1_loss`, `huber_loss`,
`l1_loss`, `mse_loss`, `binary_cross_entropy_with_logits` and `poisson_nll_loss` are called like those of
`torch.nn.functional`.

What differs from PyTorch's own losses:

- Shapes that PyTorch would broadcast with a warning are an error.
- There are first and second derivatives, but no third ones, and none with respect to weights or parameters.
  The gradient with respect to the target exists only for losses of ``pred - target``.
- Sums are computed in float64, in the same order for any number of threads, and rounded once.
- Values and gradients have the type of ``pred``. float16 and bfloat16 are computed in float32.
- ``size_average``, ``reduce``, ``pos_weight``, ``log_input=False`` and ``full=True`` are refused.
- A target outside a loss's domain, such as a probability above 1, gives NaN. A negative weight is refused.
"""

from importlib.util import find_spec

if find_spec("torch") is None or find_spec("ml_dtypes") is None:
    raise ImportError("fastloss.adapters.torch needs PyTorch and ml_dtypes: pip install 'fastloss[torch]'")

from fastloss.adapters.torch.functional import (
    binary_cross_entropy_with_logits,
    huber_loss,
    l1_loss,
    mse_loss,
    poisson_nll_loss,
    smooth_l1_loss,
)
from fastloss.adapters.torch.modules import MODULES, Loss

globals().update(MODULES)

__all__ = [
    "Loss",
    "binary_cross_entropy_with_logits",
    "huber_loss",
    "l1_loss",
    "mse_loss",
    "poisson_nll_loss",
    "smooth_l1_loss",
]
__all__ += sorted(MODULES)
