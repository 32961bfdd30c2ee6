"""Poisson loss with a log link: the negative log-likelihood of counts."""

from math import inf

from fastloss import math
from fastloss._define import loss
from fastloss._definition.domain import nonnegative


@loss("poisson_nll_loss", "half_poisson", target=nonnegative(), irls_weights="hess")
def poisson_nll(pred, target):
    """Poisson loss with a log link.

    ``exp(pred) - target * pred``. The prediction is the logarithm of the rate; to predict the rate
    itself, see `poisson`. The results are NaN where `target` is negative.

    Notes
    -----
    The term ``log(target!)``, which depends only on the target, is left out.

    References
    ----------
    P. McCullagh and J. A. Nelder, "Generalized Linear Models", 2nd edition, Chapman and Hall 1989, chapter 6.

    Examples
    --------
    >>> from fastloss import poisson_nll
    >>> value, grad = poisson_nll.value_and_grad([0.0, 1.0], [1.0, 3.0])
    >>> round(value, 6), grad.round(6)
    (0.359141, array([ 0.      , -0.140859]))
    """
    T = type(pred)
    rate = math.exp(pred)
    share = pred if (target > T(0)) & (rate < T(inf)) else T(0)  # inf - inf and 0 * inf are NaN
    return math.fma(-target, share, rate), rate - target, rate
