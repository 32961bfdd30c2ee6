"""Calls of Keras on its torch backend, where float64 passes through float32."""

import os

from tests.peers.call import FIRST, Call, spelled
from tests.peers.pytorch import by_autograd

EPSILON = 1e-30
"""The number that Keras adds or clips at, so small that its formulas are the plain ones."""
REDUCED = (*FIRST, ("mean", "value"), ("sum", "value"))
SCALED = (*REDUCED[:3], ("mean", "grad"), *REDUCED[3:])
RTOL = 2e-6
"""Keras rounds each step to float32, and torch's float32 functions are a few units off."""


def column(name, factor=1.0, epsilon=EPSILON, **keywords):
    """Measure the loss of arrays of shape (n, 1), because Keras averages over the last axis."""

    def function(pred, target, reduction):
        os.environ["KERAS_BACKEND"] = "torch"
        import keras

        before = keras.config.epsilon()
        keras.config.set_epsilon(epsilon)
        try:
            reduction = "sum_over_batch_size" if reduction == "mean" else reduction
            loss = getattr(keras.losses, name)(reduction=reduction, **keywords)
            return loss(target[:, None], pred[:, None]) / factor
        finally:
            keras.config.set_epsilon(before)

    return by_autograd(function)


def call(
    loss,
    params,
    inputs,
    name,
    *,
    wanted=FIRST,
    unlike=None,
    terms=None,
    factor=1.0,
    epsilon=EPSILON,
    **keywords,
):
    measure = column(name, factor, epsilon, **keywords)
    numbers = {key: value for key, value in keywords.items() if not isinstance(value, bool)}
    if epsilon != EPSILON:
        numbers["epsilon"] = epsilon
    called = spelled(name, **numbers)
    return Call(
        "keras", called, loss, params, inputs, measure, wanted, "float32", unlike or {}, terms or {},
        rtol=None if inputs == "errors" else RTOL,
    )  # fmt: skip


def old():
    yield call("absolute_error", {}, "errors", "MeanAbsoluteError", wanted=SCALED)
    yield call("squared_error", {}, "errors", "MeanSquaredError", wanted=SCALED)
    for delta in (0.5, 1.0, 1.345, 2.0):
        yield call("huber", {"delta": delta}, "errors", "Huber", delta=delta, wanted=SCALED)


def new():
    yield call("log_cosh", {}, "residuals", "LogCosh", wanted=REDUCED)
    yield call("squared_log_error", {}, "counts", "MeanSquaredLogarithmicError", wanted=REDUCED)
    for epsilon in (0.5, 2.5):
        params = {"epsilon": epsilon}
        name = "MeanAbsolutePercentageError"
        yield call("absolute_percentage_error", params, "counts", name, factor=100.0, epsilon=epsilon)
    yield call("poisson", {}, "counts", "Poisson", wanted=REDUCED)
    unlike = {  # Keras clips operands to numbers above 0 and at most 1
        "value": lambda p, t: t == 0,
        "grad": lambda p, t: (t == 0) | (p == 1),
    }
    yield call("kl_divergence", {}, "probabilities", "KLDivergence", unlike=unlike)
    yield call("hinge", {}, "signs", "Hinge", wanted=REDUCED)
    yield call("squared_hinge", {}, "signs", "SquaredHinge", wanted=REDUCED)
    yield call("binary_cross_entropy", {}, "shares", "BinaryCrossentropy", from_logits=True)


OLD, NEW = list(old()), list(new())
