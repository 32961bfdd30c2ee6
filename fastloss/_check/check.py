"""The function `check_loss`."""

import numpy as np

from fastloss._check import branches, derivatives, precision, types, values
from fastloss._check.evaluation import subject_of
from fastloss._check.points import points
from fastloss._loss import Loss


def check_loss(loss: Loss, *, seed: int = 0) -> list[str]:
    """Check that the value, gradient and second derivative of a loss are consistent, and hold in float32.

    Derivatives are compared with finite differences at random and difficult points of the domains of `pred`,
    `target` and the parameters: on both sides of each branch, near 0 and far from it. Results in float32 are
    compared with those in float64.

    Parameters
    ----------
    loss : Loss
        A loss, as `fastloss.loss` makes it from a formula.
    seed : int, default 0
        The seed of the random points.

    Returns
    -------
    list of str
        A line for each fault: the result, what is wrong with it, and a point where it shows. Empty if no
        fault was found.

    Notes
    -----
    The check finds:

    - a gradient or second derivative that is not the derivative: of the wrong sign, off by a factor (a
      number or a parameter), with respect to `target` instead of `pred`, or that of the other branch. At a
      corner, anything between the derivatives of both sides is accepted;
    - a value that jumps;
    - NaN where the domains allow `pred`, `target` and the parameters, unless the loss is NaN for this target
      and these parameters at every `pred`; NaN in `pred` or `target` that the value or the gradient hides;
    - results that overflow in float32 or lose digits there by cancellation, where the exact results do not;
    - literals that turn float32 into float64;
    - a formula that cannot be compiled.

    The check does not find everything. All points are within some millions of 0 and of the target, so that
    overflow farther out is not seen. Differences are compared to five digits, and not where a branch is
    nearer than a thousandth.

    Examples
    --------
    >>> import fastloss
    >>> @fastloss.loss
    ... def squared(pred, target):
    ...     T = type(pred)
    ...     error = pred - target
    ...     return error * error, T(2) * -error, T(2)
    >>> for finding in fastloss.check_loss(squared):
    ...     print(finding.partition(" by")[0])
    grad has the wrong sign: -2 at pred=1, target=0, where the derivative of value is 2

    In your own tests:

    >>> assert not fastloss.check_loss(fastloss.huber)
    """
    if not isinstance(loss, Loss):
        raise TypeError(f"check_loss: expected a loss, as fastloss.loss makes it, got {loss!r}")
    subject = subject_of(loss)
    try:
        found = list(types.findings(subject))
    except TypeError as error:
        return [str(error)]
    with np.errstate(all="ignore"):
        rows = points(subject, np.random.default_rng(seed))
        found += values.findings(subject, rows)
        imprecise = list(precision.findings(subject, rows))
        found += [finding for _, finding in imprecise]
        rows = np.concatenate([rows, branches.around(subject, rows)])
        found += derivatives.findings(subject, rows, {result for result, _ in imprecise})
    return found
