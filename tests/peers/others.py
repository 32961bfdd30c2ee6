"""Calls of Optax, GTSAM and XGBoost."""

import json
from functools import partial

import numpy as np

from tests.peers.call import ALL, FIRST, Call, spelled


def optax_loss(name, keywords, pred, target, _):
    import jax
    import optax

    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    try:
        function = partial(getattr(optax.losses, name), **keywords)
        quantities = {"value": function, "grad": jax.grad(function), "hess": jax.grad(jax.grad(function))}
        return {key: np.asarray(jax.vmap(found)(pred, target)) for key, found in quantities.items()}
    finally:
        jax.config.update("jax_enable_x64", before)


def of_optax(name, loss, params, inputs, **others):
    measure = partial(optax_loss, name, params)
    return Call("optax", spelled(f"losses.{name}", **params), loss, params, inputs, measure, **others)


def optax_calls():
    yield of_optax("log_cosh", "log_cosh", {}, "residuals")
    terms = {"hess": lambda p, t: np.ones(p.shape)}  # sigmoid - sigmoid**2 cancels
    yield of_optax("sigmoid_binary_cross_entropy", "binary_cross_entropy", {}, "shares", terms=terms)
    for params in ({"alpha": 0.25, "gamma": 2.0}, {"alpha": 0.6, "gamma": 3.0}):
        yield of_optax("sigmoid_focal_loss", "sigmoid_focal", params, "labels")
    yield of_optax("hinge_loss", "hinge", {}, "signs")


def estimator(name, scale, factor, pred, target, _):
    """The loss of an estimator, and its weight times the error."""
    from gtsam import noiseModel

    found = getattr(noiseModel.mEstimator, name).Create(scale)
    errors = (pred - target).tolist()
    return {
        "value": factor * np.array([found.loss(e) for e in errors]),
        "grad": factor * np.array([found.weight(e) * e for e in errors]),
    }


GTSAM = {
    "Huber": ("huber", "delta", 1.0),
    "Cauchy": ("cauchy", "scale", 1.0),
    "Fair": ("fair", "scale", 1.0),
    "GemanMcClure": ("geman_mcclure", "scale", 1.0),
    "Welsch": ("welsch", "scale", 1.0),
    "Tukey": ("tukey_biweight", "scale", 1.0),
    "L2WithDeadZone": ("squared_epsilon_insensitive", "epsilon", 2.0),
}


def gtsam_calls():
    for name, (loss, parameter, factor) in GTSAM.items():
        for scale in (0.5, 2.0):
            terms = {
                "value": lambda p, t, scale=scale: scale * (scale + abs(p - t))
            }  # each subtracts nearly equal numbers
            measure = partial(estimator, name, scale, factor)
            called = spelled(f"noiseModel.mEstimator.{name}", k=scale)
            yield Call("gtsam", called, loss, {parameter: scale}, "residuals", measure, FIRST, terms=terms)


def leaf(objective, pred, target, _):
    """Derivatives from a tree of one leaf, which shows the second derivative and the quotient of both."""
    import xgboost

    options = {"lambda": 0.0, "eta": 1.0, "min_child_weight": 0.0, "max_delta_step": 0.0, "base_score": 0.5}
    options |= {"verbosity": 0, "nthread": 1, "tree_method": "exact", **objective}
    found = []
    for p, t in zip(pred, target, strict=True):
        row = xgboost.DMatrix(np.zeros((1, 1)), label=[t], base_margin=[p], nthread=1)
        model = json.loads(xgboost.train(options, row, 1).save_raw("json"))
        tree = model["learner"]["gradient_booster"]["model"]["trees"][0]
        hess = tree["sum_hessian"][0]
        found.append((-tree["base_weights"][0] * hess, hess))
    grad, hess = np.array(found, np.float32).T
    return {"grad": grad, "hess": hess}


def xgboost_calls():
    """Yield calls in float32. The gradient has two more roundings: a quotient that is multiplied again."""
    options: list[tuple] = [
        ("reg:pseudohubererror", "pseudo_huber", "residuals", {"delta": 0.5}, {"huber_slope": 0.5}),
        ("reg:pseudohubererror", "pseudo_huber", "residuals", {"delta": 2.0}, {"huber_slope": 2.0}),
        ("count:poisson", "poisson_nll", "log_means", {}, {}),
        ("reg:gamma", "gamma_nll", "log_means", {}, {}),
        *(
            ("reg:tweedie", "tweedie_nll", "log_means", {"power": p}, {"tweedie_variance_power": p})
            for p in (1.25, 1.5)
        ),
        ("binary:logistic", "binary_cross_entropy", "labels", {}, {}),
    ]
    for objective, loss, inputs, params, keywords in options:
        measure = partial(leaf, {"objective": objective, **keywords})
        name = spelled(objective, **keywords)
        yield Call("xgboost", name, loss, params, inputs, measure, ALL[1:], "float32", rtol=1e-6, most=200)


CALLS = [*optax_calls(), *gtsam_calls(), *xgboost_calls()]
