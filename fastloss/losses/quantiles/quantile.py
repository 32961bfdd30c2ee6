"""Quantile loss: absolute error with different weights for predictions below and above the target."""

from fastloss._define import loss
from fastloss._definition.domain import between


def _weight(pred, target, tau):
    error = pred - target
    return (type(pred)(1) - tau if error > 0 else tau) / abs(error)  # inf at the corner


@loss("quantile_loss", "pinball", "pinball_loss", tau=between(0, 1, default=0.5), irls_weights=_weight)
def quantile(pred, target, tau):
    """Quantile loss.

    ``-tau * e`` where ``e < 0``, else ``(1 - tau) * e``, with ``e = pred - target``. Its mean is smallest
    where a fraction tau of the targets is below the prediction. With tau = 1/2, it is half of
    `absolute_error`.

    Parameters
    ----------
    tau : float, default 0.5
        The quantile to predict; > 0 and < 1.

    Notes
    -----
    The gradient at the corner is the mean of the gradients on both sides, ``1/2 - tau``. The second
    derivative is 0.

    References
    ----------
    R. Koenker and G. Bassett, "Regression Quantiles", Econometrica 46 (1978), 33-50.

    Examples
    --------
    >>> from fastloss import quantile
    >>> value, grad = quantile.value_and_grad([0.0, 3.0], [2.0, 2.0], tau=0.75)
    >>> value, grad
    (0.875, array([-0.375,  0.125]))
    """
    T = type(pred)
    error = pred - target
    if error < T(0):
        return -tau * error, -tau, T(0)
    if error > T(0):
        return (T(1) - tau) * error, T(1) - tau, T(0)
    return error, T(0.5) - tau + error, T(0)  # 0, or NaN
