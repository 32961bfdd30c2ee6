"""References for losses of regression."""

from mpmath import mpf, sign

from .register import of_error


@of_error()
def absolute_error(e):
    return abs(e), sign(e), mpf(0)


@of_error()
def squared_error(e):
    return e**2, 2 * e, mpf(2)


@of_error()
def half_squared_error(e):
    return e**2 / 2, e, mpf(1)


@of_error(*({"epsilon": epsilon} for epsilon in (0.1, 0.0, 2.0, 1e-3, 1e4)))
def epsilon_insensitive(e, epsilon):
    if abs(e) == epsilon:
        return mpf(0), sign(e) / 2, mpf(0)
    return max(mpf(0), abs(e) - epsilon), sign(e) * (abs(e) > epsilon), mpf(0)


@of_error(*({"epsilon": epsilon} for epsilon in (0.1, 0.0, 2.0, 1e-3, 1e4)))
def squared_epsilon_insensitive(e, epsilon):
    rest = max(mpf(0), abs(e) - epsilon)
    return rest**2, 2 * rest * sign(e), mpf(2 if rest > 0 or epsilon == 0 else 0)
