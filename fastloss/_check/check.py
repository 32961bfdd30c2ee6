"""What is wrong with a loss."""

import numpy as np

from fastloss._check import branches, derivatives, precision, types, values
from fastloss._check.evaluation import subject_of
from fastloss._check.points import points
from fastloss._loss import Loss


def check_loss(loss: Loss, *, seed: int = 0) -> list[str]:
    """Check that a loss's value, gradient and second derivative belong together, and survive float32.

    They are compared with differences at random and hard points of the domains of `pred`, `target` and the
    parameters: in both directions of each branch, near 0 and far out. float32 is compared with float64.

    Parameters
    ----------
    loss : Loss
        What `fastloss.loss` makes of a formula.
    seed : int, default 0
        Of the random points.

    Returns
    -------
    list of str
        A line for each thing that is wrong: the result, what is wrong with it, and a point where it shows.
        Empty if nothing was found.

    Notes
    -----
    Found are:

    - a gradient or second derivative that is not the derivative: of the wrong sign, off by a factor (a
      number or a parameter), by `target` instead of `pred`, or that of the other branch. At a corner anything
      between both sides will do;
    - a value that jumps;
    - NaN where the domains allow pred, target and parameters, unless a loss refuses a target with some
      parameters altogether; NaN in `pred` or `target` that value or gradient hide;
    - float32 that overflows or loses digits by cancellation, where the numbers themselves do not;
    - literals that make float32 numbers float64;
    - a formula that cannot be compiled.

    Differences do not see everything. They are compared to five digits, in a range of some millions around 0
    and the target, and not where a branch is nearer than a thousandth.

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

    In a test of yours:

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
