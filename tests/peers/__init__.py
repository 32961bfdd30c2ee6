"""Calls of losses that other packages share with fastloss, for recorded figures and live tests."""

from typing import NamedTuple

from tests.peers import keras_losses, others, pytorch, scientific
from tests.peers.call import Call

CALLS: list[Call] = [
    *pytorch.OLD, *keras_losses.OLD, *scientific.OLD,
    *pytorch.NEW, *keras_losses.NEW, *scientific.NEW, *others.CALLS,
]  # fmt: skip


class Source(NamedTuple):
    """A package: its name to install, its name to import, and what is called in which version."""

    package: str
    module: str
    text: str


SOURCES = {
    "torch": Source("torch", "torch", "PyTorch {}, CPU: torch.nn.functional, derivatives by torch.autograd"),
    "keras": Source(
        "keras",
        "keras",
        "Keras {}, torch backend: keras.losses, mean is sum_over_batch_size, arrays of shape (n, 1), "
        "gradients by torch.autograd",
    ),
    "sklearn": Source(
        "scikit-learn",
        "sklearn",
        "scikit-learn {}: sklearn._loss.loss, methods loss, gradient and gradient_hessian, mean is __call__",
    ),
    "scipy": Source(
        "scipy",
        "scipy",
        "SciPy {}: scipy.special.huber(delta, pred - target); scipy.optimize.least_squares, cost and grad "
        "at x = pred, residuals x - target",
    ),
    "torchvision": Source(
        "torchvision", "torchvision", "torchvision {}: torchvision.ops, derivatives by torch.autograd"
    ),
    "kornia": Source("kornia", "kornia", "kornia {}: kornia.losses, derivatives by torch.autograd"),
    "pytorch_toolbelt": Source(
        "pytorch-toolbelt",
        "pytorch_toolbelt",
        "pytorch-toolbelt {}: pytorch_toolbelt.losses.functional, derivatives by torch.autograd",
    ),
    "sb3_contrib": Source(
        "sb3-contrib",
        "sb3_contrib",
        "sb3-contrib {}: sb3_contrib.common.utils, derivatives by torch.autograd",
    ),
    "published": Source(
        "torch",
        "torch",
        "The published formulas of mmdetection's balanced_l1_loss and robust_loss_pytorch's general.lossfun, "
        "in PyTorch {}, derivatives by torch.autograd",
    ),
    "statsmodels": Source(
        "statsmodels",
        "statsmodels",
        "statsmodels {}: statsmodels.robust.norms at target - pred, methods rho, psi and psi_deriv",
    ),
    "optax": Source("optax", "optax", "Optax {} in float64: optax.losses, derivatives by jax.grad"),
    "gtsam": Source("gtsam", "gtsam", "GTSAM {}: noiseModel.mEstimator, loss, and weight times the error"),
    "xgboost": Source(
        "xgboost-cpu",
        "xgboost",
        "XGBoost {}: derivatives from a tree of one leaf, its sum of second derivatives and its weight",
    ),
}
