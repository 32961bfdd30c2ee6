"""What adapters need to find out about a loss."""

from fastloss import Loss


def is_of_the_error(loss: Loss) -> bool:
    """Whether a loss depends on ``pred - target`` alone, tested with numbers whose differences are exact."""
    params = [1.0 if domain.default is None else domain.default for domain in loss.domains.values()]
    pairs = (0.5, 0.25), (0.25, 0.75), (4.0, 1.0)
    return all(loss.formula(p, t, *params) == loss.formula(p + 8, t + 8, *params) for p, t in pairs)
