"""The size of the terms in the formula of a loss, by quantity, where they cancel: rounding is relative to it.

Peers write the same formula in several ways, and so round a difference of large terms in several ways.
"""

from collections.abc import Callable

import numpy as np

Terms = dict[str, np.ndarray]


def times_log(target, x):
    """target * abs(log(x)), where 0 log 0 is 0."""
    return np.where(target > 0, target * abs(np.log(np.where(target > 0, x, 1.0))), 0.0)


def of_error(pred, target, **params) -> Terms:
    """The second derivatives of the smooth robust losses are 1 at 0, fall below 0 and rise to it again."""
    return {"hess": np.ones(pred.shape)}


def log_cosh(pred, target) -> Terms:
    """Peers subtract log 2 from the rest, and the square of tanh from 1."""
    one = np.ones(pred.shape)
    return {"value": one + abs(pred - target), "grad": one, "hess": one}


def tukey_biweight(pred, target, scale) -> Terms:
    """The square of the error is subtracted from 1, which cancels near the scale, and the rest is squared."""
    error = abs(pred - target)
    left = np.maximum(0, 1 - (error / scale) ** 2)
    return {"grad": 2 * error * left, "hess": np.ones(pred.shape)}


def welsch(pred, target, scale) -> Terms:
    """The exponential multiplies the rounding error of its argument."""
    square = ((pred - target) / scale) ** 2
    grad = abs(pred - target) * square * np.exp(-square)
    return {"grad": grad, "hess": np.ones(pred.shape)}


def general_robust(pred, target, alpha, scale) -> Terms:
    if alpha == -np.inf:
        found = welsch(pred / scale, target / scale, np.sqrt(2))
        return {"grad": found["grad"] / scale, "hess": found["hess"] / scale**2}
    return {"hess": np.full(pred.shape, 1 / scale**2)}


def squared_log_error(pred, target) -> Terms:
    logs = 1 + abs(np.log1p(pred)) + abs(np.log1p(target))
    error = abs(np.log1p(pred) - np.log1p(target))
    return {"value": 2 * error * logs, "grad": 2 * logs / (1 + pred), "hess": 2 * logs / (1 + pred) ** 2}


def poisson(pred, target) -> Terms:
    return {"value": abs(pred) + times_log(target, pred), "grad": 1 + target / pred}


def poisson_nll(pred, target) -> Terms:
    return {"value": np.exp(pred) + abs(target * pred), "grad": np.exp(pred) + target}


def gamma_nll(pred, target) -> Terms:
    return {"value": abs(pred) + target * np.exp(-pred), "grad": 1 + target * np.exp(-pred)}


def tweedie_nll(pred, target, power) -> Terms:
    if power in (1, 2):
        return (poisson_nll if power == 1 else gamma_nll)(pred, target)
    one, two = target * np.exp((1 - power) * pred), np.exp((2 - power) * pred)
    return {
        "value": one / abs(1 - power) + two / abs(2 - power),
        "grad": one + two,
        "hess": one * abs(1 - power) + two * abs(2 - power),
    }


def binary_cross_entropy(pred, target) -> Terms:
    """Peers subtract the sigmoid from 1, and some subtract target * pred from the softplus."""
    share = 1 / (1 + np.exp(-pred))
    return {"value": abs(pred), "grad": share + target, "hess": share}


def sigmoid_focal(pred, target, alpha, gamma) -> Terms:
    """A peer subtracts the probability from 1, with its rounding error, before it takes the power."""
    logit = np.where(target == 1, pred, -pred)
    wrong = np.maximum(1 / (1 + np.exp(logit)), 2.0**-53)
    size = (1 + gamma) ** 2 * wrong ** (gamma - 1) * (1 + np.logaddexp(0, -logit))
    return {"value": size, "grad": size, "hess": size}


def kl_divergence(pred, target) -> Terms:
    return {"value": target + times_log(target, target) + times_log(target, pred)}


SUMMED = [
    binary_cross_entropy, gamma_nll, general_robust, kl_divergence, log_cosh, poisson, poisson_nll,
    sigmoid_focal, squared_log_error, tukey_biweight, tweedie_nll, welsch,
]  # fmt: skip
TERMS: dict[str, Callable[..., Terms]] = {function.__name__: function for function in SUMMED}
TERMS |= {name: of_error for name in ("cauchy", "geman_mcclure")}
