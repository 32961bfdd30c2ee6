"""Expectile loss: squared error with different weights for predictions below and above the target."""

from fastloss._define import loss
from fastloss._definition.domain import between


@loss("expectile_loss", "asymmetric_squared_error", tau=between(0, 1, default=0.5))
def expectile(pred, target, tau):
    """Expectile loss.

    ``(1 - tau) * e ** 2`` where ``e > 0``, else ``tau * e ** 2``, with ``e = pred - target``. With
    tau = 1/2, it is `half_squared_error`.

    Parameters
    ----------
    tau : float, default 0.5
        The expectile to predict; > 0 and < 1.

    References
    ----------
    W. K. Newey and J. L. Powell, "Asymmetric Least Squares Estimation and Testing", Econometrica 55 (1987),
    819-847.

    Examples
    --------
    >>> from fastloss import expectile
    >>> value, grad = expectile.value_and_grad([0.0, 3.0], [2.0, 2.0], tau=0.75)
    >>> value, grad
    (1.625, array([-1.5 ,  0.25]))
    """
    T = type(pred)
    error = pred - target
    share = T(1) - tau if error > T(0) else tau
    slope = T(2) * share
    return share * error * error, slope * error, slope
