"""fastloss: regression losses and their gradients in one pass over large arrays.

>>> import numpy as np, fastloss
>>> pred, target = np.array([2.5, 0.3, 4.1]), np.array([3.0, 0.0, 4.0])
>>> value, grad = fastloss.huber.value_and_grad(pred, target, delta=1.0)
>>> round(value, 7), grad.round(4)
(0.0583333, array([-0.1667,  0.1   ,  0.0333]))
"""

from fastloss._define import loss
from fastloss._definition.domain import Domain, Labels, between, labels, nonnegative, positive, real
from fastloss._loss import Loss
from fastloss._warmup import warmup
from fastloss.adaptive.dynamic_smooth_l1 import DynamicSmoothL1
from fastloss.adaptive.self_adjusting_smooth_l1 import SelfAdjustingSmoothL1
from fastloss.losses import get
from fastloss.losses.absolute_error import absolute_error
from fastloss.losses.epsilon_insensitive import epsilon_insensitive
from fastloss.losses.expectile import expectile
from fastloss.losses.half_squared_error import half_squared_error
from fastloss.losses.huber import huber
from fastloss.losses.quantile import quantile
from fastloss.losses.smooth_l1 import smooth_l1
from fastloss.losses.squared_epsilon_insensitive import squared_epsilon_insensitive
from fastloss.losses.squared_error import squared_error

__version__ = "0.1.0"

__all__ = [
    "Domain",
    "DynamicSmoothL1",
    "Labels",
    "Loss",
    "SelfAdjustingSmoothL1",
    "absolute_error",
    "between",
    "epsilon_insensitive",
    "expectile",
    "get",
    "half_squared_error",
    "huber",
    "labels",
    "loss",
    "nonnegative",
    "positive",
    "quantile",
    "real",
    "smooth_l1",
    "squared_epsilon_insensitive",
    "squared_error",
    "warmup",
]
