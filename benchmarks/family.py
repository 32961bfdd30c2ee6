"""Each loss against huber: part of `benchmarks.report`."""

import numpy as np

import fastloss
from benchmarks.goals import Figure, at_most, ratio
from benchmarks.pairs import Call, Timings
from fastloss._definition.drawing import drawn
from fastloss.losses import shipped

#: Elements: three float32 arrays of the first size fit a second-level cache, those of the other no cache.
CACHED, LARGE = 3 * 10**4, 1 << 26
ROUNDS = {CACHED: 60, LARGE: 5}
MIN_RUN_TIME = 1e-3
TIME = 3.0  # how many times as long as huber a loss may take in a cache
#: The same for losses with two powers or more.
TIMES = {"sigmoid_focal": 6.0, "general_robust": 6.0}
#: Losses whose arithmetic should be nearly as fast as memory.
FROM_MEMORY = ("log_cosh", "pseudo_huber", "cauchy", "welsch", "binary_cross_entropy", "poisson_nll")


def call(name: str, size: int) -> Call:
    """A call for the value and the gradient of a loss with its default parameters."""
    loss = shipped()[name]
    pred, target = drawn(loss, np.random.default_rng(0), size, np.float32)
    grad = np.empty_like(pred)
    return lambda: loss.value_and_grad(pred, target, grad_out=grad)


def beside_huber(name: str, size: int) -> float:
    """How many times as fast as huber a loss is."""
    contenders = {"loss": call(name, size), "huber": call("huber", size)}
    return Timings(contenders, ROUNDS[size], MIN_RUN_TIME).speed("loss", "huber")


def figures() -> list[Figure]:
    """Every loss in a cache, and some from memory."""
    found = [
        at_most(
            f"n = 3 * 10^4: {name}, time against huber's",
            1 / beside_huber(name, CACHED),
            TIMES.get(name, TIME),
        )
        for name in shipped()
        if name != fastloss.huber.name
    ]
    return found + [
        ratio(f"n = 2^26: {name}, speed against huber's", beside_huber(name, LARGE), 0.8)
        for name in FROM_MEMORY
    ]
