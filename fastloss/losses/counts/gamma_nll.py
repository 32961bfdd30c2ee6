"""Gamma loss with a log link: the negative log-likelihood of positive amounts."""

from math import inf

from fastloss import math
from fastloss._define import loss
from fastloss._definition.domain import positive


@loss("gamma_nll_loss", "half_gamma", target=positive(), irls_weights="hess")
def gamma_nll(pred, target):
    """Gamma loss with a log link.

    ``pred + target * exp(-pred)``. The prediction is the logarithm of the mean. The results are NaN where
    `target` is not positive.

    Notes
    -----
    The loss is the negative log-likelihood divided by the shape parameter, without the terms that depend only
    on the target.

    References
    ----------
    P. McCullagh and J. A. Nelder, "Generalized Linear Models", 2nd edition, Chapman and Hall 1989, chapter 8.

    Examples
    --------
    >>> from fastloss import gamma_nll
    >>> value, grad = gamma_nll.value_and_grad([0.0, 1.0], [1.0, 3.0])
    >>> round(value, 6), grad.round(6)
    (1.551819, array([ 0.      , -0.051819]))
    """
    T = type(pred)
    root = math.exp(T(-0.5) * pred)  # in two steps, as exp(-pred) may overflow before the product does
    part = target * root
    ratio = part * root
    value = math.fma(part, root, pred if ratio < T(inf) else T(0))
    return value, math.fma(-part, root, T(1)), ratio
