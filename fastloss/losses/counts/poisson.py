"""Poisson loss: the negative log-likelihood of counts whose rate is predicted."""

from fastloss import math
from fastloss._define import loss
from fastloss._definition.domain import nonnegative


@loss("poisson_loss", pred=nonnegative(), target=nonnegative(), irls_weights="hess")
def poisson(pred, target):
    """Poisson loss.

    ``pred - target * log(pred)``, with ``0 * log(0) = 0``. The prediction is the rate; to predict the
    logarithm of the rate, see `poisson_nll`. The results are NaN where `pred` or `target` is negative.

    Notes
    -----
    The term ``log(target!)``, which depends only on the target, is left out. Keras adds 1e-7 to `pred` inside
    the logarithm.

    References
    ----------
    P. McCullagh and J. A. Nelder, "Generalized Linear Models", 2nd edition, Chapman and Hall 1989, chapter 6.

    Examples
    --------
    >>> from fastloss import poisson
    >>> value, grad = poisson.value_and_grad([2.0, 1.0], [1.0, 3.0])
    >>> round(value, 6), grad
    (1.153426, array([ 0.25, -1.  ]))
    """
    T = type(pred)
    if target == T(0):
        return pred, T(1), T(0)
    rate = abs(pred)  # -0.0 is 0
    value = math.fma(-target, math.log(rate), rate)
    return value, (rate - target) / rate, target / rate / rate
