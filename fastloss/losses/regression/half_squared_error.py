"""Half the squared error: its gradient is the error itself."""

from fastloss._define import loss


@loss("half_mse")
def half_squared_error(pred, target):
    """Half the squared error.

    ``e ** 2 / 2`` with ``e = pred - target``.

    Examples
    --------
    >>> from fastloss import half_squared_error
    >>> half_squared_error([1.0, 4.0], [3.0, 3.0])
    1.25
    """
    T = type(pred)
    error = pred - target
    return T(0.5) * error * error, error, T(1)
