"""Calls of scikit-learn, SciPy and statsmodels."""

from functools import partial

import numpy as np

from tests.peers.call import ALL, FIRST, VALUE, Call, spelled

CLASS = (*FIRST, ("mean", "value"))
CLASS_HESS = (*CLASS, ("none", "hess"))
SUMMED = (("sum", "value"), ("sum", "grad"))


def same(pred, target):
    return pred == target


def sklearn_class(name, keywords, pred, target, reduction):
    from sklearn._loss import loss

    found = getattr(loss, name)(**keywords)
    arrays = {"y_true": target, "raw_prediction": pred}
    if reduction == "mean":
        return {"value": found(**arrays)}
    return {
        "value": found.loss(**arrays),
        "grad": found.gradient(**arrays),
        "hess": found.gradient_hessian(**arrays)[1],
    }


def of_sklearn(loss, name, inputs, wanted=CLASS_HESS, params=None, keywords=None, note="", **others):
    params = params or {}
    keywords = params if keywords is None else keywords
    called = spelled(name, **keywords) + (note and f", {note}")
    measure = partial(sklearn_class, name, keywords)
    return Call("sklearn", called, loss, params, inputs, measure, wanted, **others)


def sklearn_old():
    yield of_sklearn("absolute_error", "AbsoluteError", "errors", CLASS, unlike={"grad": same})
    yield of_sklearn("half_squared_error", "HalfSquaredError", "errors")
    for delta in (0.5, 1.0, 1.345, 2.0):
        params = {"delta": delta}
        yield of_sklearn("huber", "HuberLoss", "errors", params=params)


def sklearn_new():
    for tau in (0.25, 0.9):
        others = {"params": {"tau": tau}, "keywords": {"quantile": tau}, "unlike": {"grad": same}}
        yield of_sklearn("quantile", "PinballLoss", "residuals", CLASS, **others)
    yield of_sklearn("poisson_nll", "HalfPoissonLoss", "log_means")
    yield of_sklearn("gamma_nll", "HalfGammaLoss", "log_means")
    for power in (1.5, 3.0, -1.0, 1.0, 2.0):
        yield of_sklearn("tweedie_nll", "HalfTweedieLoss", "log_means", params={"power": power})
    for inputs in ("shares", "labels"):
        yield of_sklearn("binary_cross_entropy", "HalfBinomialLoss", inputs, note=inputs)


def sgd(name, arguments, pred, target, _):
    from sklearn.linear_model import _sgd_fast

    loss = getattr(_sgd_fast, name)(*arguments)
    pairs = list(zip(pred.tolist(), target.tolist(), strict=True))
    return {
        "value": np.array([loss.py_loss(*pair) for pair in pairs]),
        "grad": np.array([loss.py_dloss(*pair) for pair in pairs]),
    }


def on_corner(corner):
    """The elements at a corner, for which the gradient is that of one side."""
    return {"grad": lambda pred, target: abs(pred - target) == corner}


def sgd_calls():
    for epsilon in (0.0, 0.1, 0.5, 2.0):
        params = {"epsilon": epsilon}
        for loss, name, unlike in (
            ("epsilon_insensitive", "EpsilonInsensitive", on_corner(epsilon)),
            ("squared_epsilon_insensitive", "SquaredEpsilonInsensitive", {}),
        ):
            called = spelled(f"linear_model.{name}", **params)
            measure = partial(sgd, name, [epsilon])
            yield Call("sklearn", called, loss, params, "residuals", measure, FIRST, unlike=unlike)
    unlike = {"grad": lambda pred, target: pred * target == 1}
    measure = partial(sgd, "Hinge", [1.0])
    yield Call("sklearn", "linear_model.Hinge", "hinge", {}, "signs", measure, FIRST, unlike=unlike)
    measure = partial(sgd, "SquaredHinge", [1.0])
    yield Call("sklearn", "linear_model.SquaredHinge", "squared_hinge", {}, "signs", measure, FIRST)


def metric(name, pred, target, reduction):
    """Pass all elements as the outputs of one sample, which the metric can average or not."""
    from sklearn import metrics

    multioutput = "uniform_average" if reduction == "mean" else "raw_values"
    return {"value": getattr(metrics, name)(target[None], pred[None], multioutput=multioutput)}


def metric_calls():
    wanted = (("none", "value"), ("mean", "value"))
    for name, loss, params in (
        ("mean_squared_log_error", "squared_log_error", {}),
        ("mean_absolute_percentage_error", "absolute_percentage_error", {"epsilon": 2.0**-52}),
    ):
        inputs = "counts" if not params else "log_means"  # the metric divides by epsilon for a target of 0
        yield Call("sklearn", f"metrics.{name}", loss, params, inputs, partial(metric, name), wanted)


def special(name, arguments, pred, target, _):
    from scipy import special

    return {"value": getattr(special, name)(*arguments(pred, target))}


def least_squares(loss, scale, pred, target, _):
    from scipy.optimize import least_squares

    found = least_squares(
        lambda x: x - target, pred, jac=lambda x: np.eye(len(x)), loss=loss, f_scale=scale, max_nfev=1
    )
    return {"value": found.cost, "grad": found.grad}


def of_least_squares(kind, loss, parameter, inputs, scales):
    for scale in scales:
        name = f"least_squares({kind}, f_scale={scale:.4g})"
        measure = partial(least_squares, kind, scale)
        yield Call("scipy", name, loss, {parameter: scale}, inputs, measure, SUMMED, most=200)


def scipy_old():
    for delta in (0.5, 1.0, 1.345, 2.0):
        params = {"delta": delta}
        measure = partial(special, "huber", lambda p, t, delta=delta: (delta, p - t))
        yield Call("scipy", spelled("special.huber", **params), "huber", params, "errors", measure, VALUE)
    measure = partial(least_squares, "linear", 1.0)
    name = "least_squares(linear)"
    yield Call("scipy", name, "half_squared_error", {}, "errors", measure, SUMMED, most=200)
    yield from of_least_squares("huber", "huber", "delta", "errors", (0.5, 1.0, 1.345, 2.0))


def scipy_new():
    for delta in (0.5, 2.0):
        params = {"delta": delta}
        measure = partial(special, "pseudo_huber", lambda p, t, delta=delta: (delta, p - t))
        terms = {"value": lambda p, t, delta=delta: delta * (delta + abs(p - t))}  # root - 1 cancels
        name = spelled("special.pseudo_huber", **params)
        yield Call("scipy", name, "pseudo_huber", params, "residuals", measure, VALUE, terms=terms)
    yield from of_least_squares("soft_l1", "pseudo_huber", "delta", "residuals", (0.5, 2.0))
    yield from of_least_squares("cauchy", "cauchy", "scale", "residuals", (0.5, 2.0))
    measure = partial(special, "rel_entr", lambda p, t: (t, p))
    name = "special.rel_entr(target, pred)"
    yield Call("scipy", name, "kl_divergence", {}, "probabilities", measure, VALUE)


def norm(of, factor, pred, target, _):
    """Measure a norm of target - pred, whose gradient has the opposite sign."""
    from statsmodels.robust import norms

    found = of(norms)
    residual = target - pred
    return {
        "value": factor * found.rho(residual),
        "grad": -factor * found.psi(residual),
        "hess": factor * found.psi_deriv(residual),
    }


def of_norm(name, loss, params, of, factor=1.0, **others):
    return Call("statsmodels", name, loss, params, "residuals", partial(norm, of, factor), ALL, **others)


def statsmodels_calls():
    yield of_norm("LeastSquares", "half_squared_error", {}, lambda norms: norms.LeastSquares())
    for delta in (0.5, 1.345):
        name = spelled("HuberT", t=delta)
        yield of_norm(name, "huber", {"delta": delta}, lambda norms, t=delta: norms.HuberT(t))
    for scale in (2.0, 4.685):
        terms = {
            "value": lambda p, t, scale=scale: np.full(p.shape, scale**2 / 6)
        }  # it subtracts the rest from this number
        name = spelled("TukeyBiweight", c=scale)
        of = lambda norms, c=scale: norms.TukeyBiweight(c)  # noqa: E731
        yield of_norm(name, "tukey_biweight", {"scale": scale}, of, terms=terms)
    for tau in (0.25, 0.9):
        of = lambda norms, q=tau: norms.MQuantileNorm(q, norms.LeastSquares())  # noqa: E731
        yield of_norm(f"MQuantileNorm({tau}, LeastSquares)", "expectile", {"tau": tau}, of, 2.0)
    for tau, delta in ((0.25, 0.5), (0.9, 2.0)):
        of = lambda norms, q=tau, t=delta: norms.MQuantileNorm(q, norms.HuberT(t))  # noqa: E731
        params = {"tau": tau, "delta": delta}
        yield of_norm(f"MQuantileNorm({tau}, HuberT({delta}))", "quantile_huber", params, of, 1 / delta)


OLD = [*sklearn_old(), *scipy_old()]
NEW = [*sklearn_new(), *sgd_calls(), *metric_calls(), *scipy_new(), *statsmodels_calls()]
