"""fastloss: losses and their gradients in one pass over large arrays.

>>> import numpy as np, fastloss
>>> pred, target = np.array([2.5, 0.3, 4.1]), np.array([3.0, 0.0, 4.0])
>>> value, grad = fastloss.huber.value_and_grad(pred, target, delta=1.0)
>>> round(value, 7), grad.round(4)
(0.0583333, array([-0.1667,  0.1   ,  0.0333]))
"""

from fastloss._check.check import check_loss
from fastloss._define import loss
from fastloss._definition.domain import Domain, Labels, between, labels, nonnegative, positive, real
from fastloss._evaluate.evaluate import evaluate
from fastloss._evaluate.table import Evaluation
from fastloss._loss import Loss
from fastloss._warmup import warmup
from fastloss.adaptive.dynamic_smooth_l1 import DynamicSmoothL1
from fastloss.adaptive.self_adjusting_smooth_l1 import SelfAdjustingSmoothL1
from fastloss.losses import get
from fastloss.losses.classification.binary_cross_entropy import binary_cross_entropy
from fastloss.losses.classification.hinge import hinge
from fastloss.losses.classification.kl_divergence import kl_divergence
from fastloss.losses.classification.sigmoid_focal import sigmoid_focal
from fastloss.losses.classification.squared_hinge import squared_hinge
from fastloss.losses.counts.absolute_percentage_error import absolute_percentage_error
from fastloss.losses.counts.gamma_nll import gamma_nll
from fastloss.losses.counts.poisson import poisson
from fastloss.losses.counts.poisson_nll import poisson_nll
from fastloss.losses.counts.squared_log_error import squared_log_error
from fastloss.losses.counts.tweedie_nll import tweedie_nll
from fastloss.losses.quantiles.expectile import expectile
from fastloss.losses.quantiles.quantile import quantile
from fastloss.losses.quantiles.quantile_huber import quantile_huber
from fastloss.losses.regression.absolute_error import absolute_error
from fastloss.losses.regression.epsilon_insensitive import epsilon_insensitive
from fastloss.losses.regression.half_squared_error import half_squared_error
from fastloss.losses.regression.squared_epsilon_insensitive import squared_epsilon_insensitive
from fastloss.losses.regression.squared_error import squared_error
from fastloss.losses.robust.balanced_l1 import balanced_l1
from fastloss.losses.robust.cauchy import cauchy
from fastloss.losses.robust.fair import fair
from fastloss.losses.robust.geman_mcclure import geman_mcclure
from fastloss.losses.robust.general_robust import general_robust
from fastloss.losses.robust.huber import huber
from fastloss.losses.robust.log_cosh import log_cosh
from fastloss.losses.robust.pseudo_huber import pseudo_huber
from fastloss.losses.robust.smooth_l1 import smooth_l1
from fastloss.losses.robust.tukey_biweight import tukey_biweight
from fastloss.losses.robust.welsch import welsch
from fastloss.losses.robust.wing import wing

__version__ = "0.1.0"

__all__ = [
    "Domain",
    "DynamicSmoothL1",
    "Evaluation",
    "Labels",
    "Loss",
    "SelfAdjustingSmoothL1",
    "absolute_error",
    "absolute_percentage_error",
    "balanced_l1",
    "between",
    "binary_cross_entropy",
    "cauchy",
    "check_loss",
    "epsilon_insensitive",
    "evaluate",
    "expectile",
    "fair",
    "gamma_nll",
    "geman_mcclure",
    "general_robust",
    "get",
    "half_squared_error",
    "hinge",
    "huber",
    "kl_divergence",
    "labels",
    "log_cosh",
    "loss",
    "nonnegative",
    "poisson",
    "poisson_nll",
    "positive",
    "pseudo_huber",
    "quantile",
    "quantile_huber",
    "real",
    "sigmoid_focal",
    "smooth_l1",
    "squared_epsilon_insensitive",
    "squared_error",
    "squared_hinge",
    "squared_log_error",
    "tukey_biweight",
    "tweedie_nll",
    "warmup",
    "welsch",
    "wing",
]
