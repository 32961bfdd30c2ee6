"""Quantile Huber loss: the quantile loss with its corner rounded within delta of the target."""

from math import copysign

from fastloss._define import loss
from fastloss._definition.domain import between, positive


@loss("quantile_huber_loss", "huber_quantile", tau=between(0, 1, default=0.5), delta=positive(default=1.0))
def quantile_huber(pred, target, tau, delta):
    """Quantile Huber loss.

    ``s * e ** 2 / (2 * delta)`` where ``abs(e) <= delta``, else ``s * (abs(e) - delta / 2)``, and s is ``1 -
    tau`` where ``e > 0``, else ``tau``, with ``e = pred - target``. As delta approaches 0, it
    becomes `quantile`.

    Parameters
    ----------
    tau : float, default 0.5
        The quantile to predict; > 0 and < 1.
    delta : float, default 1.0
        The error at which the loss turns from quadratic to linear, in the units of `pred`; > 0.

    Notes
    -----
    QR-DQN omits the division by delta, which makes no difference at delta = 1; IQN includes it.

    References
    ----------
    W. Dabney, M. Rowland, M. G. Bellemare and R. Munos, "Distributional Reinforcement Learning with Quantile
    Regression", AAAI 2018, arXiv:1710.10044, equation 10.

    W. Dabney, G. Ostrovski, D. Silver and R. Munos, "Implicit Quantile Networks for Distributional
    Reinforcement Learning", ICML 2018, arXiv:1806.06923.

    Examples
    --------
    >>> from fastloss import quantile_huber
    >>> value, grad = quantile_huber.value_and_grad([0.5, 3.0], [1.0, 0.0], tau=0.75)
    >>> value, grad
    (0.359375, array([-0.1875,  0.125 ]))
    """
    T = type(pred)
    error = pred - target
    size = abs(error)
    share = T(1) - tau if error > T(0) else tau
    if size > delta:
        return share * (size - T(0.5) * delta), copysign(share, error), T(0)
    ratio = error / delta
    return share * (T(0.5) * error * ratio), share * ratio, share / delta
