"""Squared error (L2)."""

from fastloss._define import loss


@loss("l2", "mse", "mse_loss", "mean_squared_error")
def squared_error(pred, target):
    """Squared error.

    ``e ** 2`` with ``e = pred - target``.

    Examples
    --------
    >>> from fastloss import squared_error
    >>> squared_error([1.0, 4.0], [3.0, 3.0])
    2.5
    """
    T = type(pred)
    error = pred - target
    return error * error, T(2) * error, T(2)
