"""References for losses of quantiles and expectiles."""

from mpmath import mpf, sign

from .register import of_error


@of_error(*({"tau": tau} for tau in (0.5, 0.25, 0.9, 1e-3)))
def quantile(e, tau):
    slopes = -tau, 1 - tau
    slope = sum(slopes) / 2 if e == 0 else slopes[e > 0]
    return slope * e, slope, mpf(0)


@of_error(*({"tau": tau} for tau in (0.5, 0.25, 0.9, 1e-3)))
def expectile(e, tau):
    share = 1 - tau if e > 0 else tau
    return share * e**2, 2 * share * e, 2 * share


@of_error(*({"tau": tau, "delta": d} for tau, d in ((0.5, 1.0), (0.25, 0.3), (0.9, 5.0), (1e-3, 1e-3))))
def quantile_huber(e, tau, delta):
    share = 1 - tau if e > 0 else tau
    if abs(e) <= delta:
        return share * e**2 / (2 * delta), share * e / delta, share / delta
    return share * (abs(e) - delta / 2), share * sign(e), mpf(0)
