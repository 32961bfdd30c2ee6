"""LightGBM and XGBoost with `fastloss.adapters.boosting`: as good as with their own objectives."""

import pickle
from functools import partial
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pytest
import xgboost as xgb

import fastloss
from fastloss.adapters.boosting import initial_score, metric, objective
from fastloss.losses import shipped

RNG = np.random.default_rng(11)
X = RNG.standard_normal((2000, 4)).astype(np.float32)
Y = (50 + 10 * X[:, 0] * X[:, 1] + RNG.standard_t(2, len(X))).astype(np.float32)
WEIGHT = RNG.uniform(0.5, 2, len(X)).astype(np.float32)
ROUNDS = 30

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")  # of the libraries


@pytest.fixture(scope="module")
def flights():
    """Departure and arrival delays of the flights to train on, then of those to predict."""
    with np.load(Path(fastloss.__file__).parent / "data" / "flights.npz") as delays:
        x, y = delays["dep"][:, np.newaxis].astype(np.float32), delays["arr"].astype(np.float32)
    return x[:250_000], y[:250_000], x[250_000:], y[250_000:]


def of_lightgbm(goal, x, y, new, weight=None, rounds=ROUNDS, score=0.0, **params):
    """Predictions of LightGBM's native interface."""
    data = lgb.Dataset(x, y, weight=weight, init_score=np.full(len(y), score))
    given = {"objective": goal, "verbose": -1, "num_threads": 2, "deterministic": True}
    return lgb.train(given | params, data, rounds).predict(new) + score


def of_xgboost(goal, x, y, new, weight=None, rounds=ROUNDS, score=0.0, **params):
    """Predictions of XGBoost's native interface."""
    own = isinstance(goal, str)
    given = {"nthread": 2, "base_score": score} | ({"objective": goal} if own else {})
    data = xgb.DMatrix(x, y, weight=weight)
    return xgb.train(given | params, data, rounds, obj=None if own else goal).predict(xgb.DMatrix(new))


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weighted"])
@pytest.mark.parametrize("hess", ["majorizer", "exact"])
def test_squared_error_grows_the_libraries_own_trees(hess, weight):
    goal = objective("half_squared_error", hess=hess)
    given = {"x": X, "y": Y, "new": X, "weight": weight}
    ours, theirs = (of_lightgbm(x, **given, boost_from_average=False) for x in (goal, "regression"))
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    ours, theirs = (of_xgboost(x, **given, score=50.0) for x in (goal, "reg:squarederror"))
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


#: Losses, and the best objective for each that LightGBM and XGBoost have.
COMPARED = [
    ("huber", {"delta": 0.9}, "huber", "reg:squarederror"),
    ("absolute_error", {}, "regression_l1", "reg:absoluteerror"),
    ("quantile", {"tau": 0.9}, "quantile", "reg:quantileerror"),
    ("log_cosh", {}, "regression", "reg:squarederror"),
]


@pytest.mark.parametrize(("name", "params", "lightgbms", "xgboosts"), COMPARED)
def test_flights_are_predicted_as_well_as_by_the_libraries_own(flights, name, params, lightgbms, xgboosts):
    x, y, new, truth = flights
    every = {"x": x, "y": y, "new": new, "rounds": 100}
    loss = metric(name, **params)
    goal, score = objective(name, **params), initial_score(name, y, **params)
    own = {"alpha": 0.9} if lightgbms in ("huber", "quantile") else {}
    ours = loss(truth, of_lightgbm(goal, **every, score=score))
    assert ours <= 1.005 * loss(truth, of_lightgbm(lightgbms, **every, **own))
    own = {"quantile_alpha": 0.9} if "quantile" in xgboosts else {}
    ours = loss(truth, of_xgboost(goal, **every, score=score))
    assert ours <= 1.005 * loss(truth, of_xgboost(xgboosts, **every, score=score, **own))


def test_a_loss_of_ones_own_without_a_majorizer_is_refused():
    @fastloss.loss(target=fastloss.labels(-1, 1))
    def exponential(pred, target):
        value = fastloss.math.exp(-target * pred)
        return value, -target * value, value

    target, pred = np.array([-1.0, 1.0]), np.array([0.5, 2.0])
    with pytest.raises(ValueError, match=r"objective: exponential has no majorizer, .* irls_weights='hess'"):
        objective(exponential)(target, pred)
    declared = fastloss.loss(target=fastloss.labels(-1, 1), irls_weights="hess")(exponential.formula)
    for found in objective(exponential, hess="exact"), objective(declared):
        assert (found(target, pred)[1] > 0).all()


@pytest.mark.parametrize("name", shipped())
def test_the_majorizer_of_every_loss_is_at_least_0(name):
    loss = shipped()[name]
    grid = np.linspace(-9, 9, 73)
    pred, target = (x.ravel() for x in np.meshgrid(grid, grid))
    if isinstance(labels := loss.operands.get("target"), fastloss.Labels):
        target = np.resize(labels.values, pred.size).astype(float)
    inside = ~np.isnan(loss(pred, target, reduction="none"))
    assert inside.sum() > 300
    _, hess = objective(loss)(target[inside], pred[inside])
    assert (hess >= 0).all()


def test_the_exact_curvature_of_huber_misleads_where_the_majorizer_does_not(flights):
    x, y, new, truth = flights
    score = initial_score("huber", y, delta=0.9)
    error = {}
    for hess in ("majorizer", "exact"):
        predicted = of_lightgbm(objective("huber", hess=hess, delta=0.9), x, y, new, rounds=100, score=score)
        error[hess] = metric("absolute_error")(truth, predicted)
    assert error["majorizer"] < 14 < 1.3 * error["majorizer"] < error["exact"]


def test_the_scikit_learn_interfaces_grow_the_native_ones_trees():
    goal, score = objective("huber", delta=2.0), initial_score("huber", Y, weight=WEIGHT, delta=2.0)
    for weight in (None, WEIGHT):
        model = lgb.LGBMRegressor(objective=goal, n_estimators=ROUNDS, verbose=-1, n_jobs=2)
        model.fit(X, Y, sample_weight=weight, init_score=np.full(len(Y), score))
        native = of_lightgbm(goal, X, Y, X, weight, score=score)
        np.testing.assert_allclose(model.predict(X) + score, native, rtol=1e-6)
        other = xgb.XGBRegressor(objective=goal, n_estimators=ROUNDS, base_score=score, n_jobs=2)
        other.fit(X, Y, sample_weight=weight)
        np.testing.assert_allclose(
            other.predict(X), of_xgboost(goal, X, Y, X, weight, score=score), rtol=1e-6
        )


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weighted"])
def test_metrics_are_shown_by_every_interface(weight):
    measure = metric("pseudo_huber", delta=3.0)
    found = {}
    data = lgb.Dataset(X, Y, weight=weight)
    kept = {}
    record = [lgb.record_evaluation(kept)]
    given = {"objective": "regression", "verbose": -1}
    model = lgb.train(given, data, ROUNDS, valid_sets=[data], feval=measure, callbacks=record)
    found["lightgbm"] = kept["training"]["pseudo_huber"][-1], model.predict(X)
    model = lgb.LGBMRegressor(n_estimators=ROUNDS, verbose=-1)
    model.fit(X, Y, weight, eval_set=[(X, Y)], eval_sample_weight=[weight], eval_metric=measure)
    found["LGBMRegressor"] = next(iter(model.evals_result_.values()))["pseudo_huber"][-1], model.predict(X)
    kept, data = {}, xgb.DMatrix(X, Y, weight=weight)
    model = xgb.train(
        {}, data, ROUNDS, evals=[(data, "all")], custom_metric=measure, evals_result=kept, verbose_eval=0
    )
    found["xgboost"] = kept["all"]["pseudo_huber"][-1], model.predict(data)
    model = xgb.XGBRegressor(n_estimators=ROUNDS, eval_metric=measure)
    model.fit(X, Y, sample_weight=weight, eval_set=[(X, Y)], sample_weight_eval_set=[weight], verbose=0)
    found["XGBRegressor"] = model.evals_result()["validation_0"]["pseudo_huber"][-1], model.predict(X)
    for name, (shown, predicted) in found.items():
        expected = fastloss.pseudo_huber(predicted.astype(np.float64), Y, weight=weight, delta=3.0)
        assert shown == pytest.approx(expected, rel=1e-4), name


def test_weights_multiply_gradient_and_curvature_of_bounded_majorizers():
    pred = Y + RNG.standard_normal(len(Y)).astype(np.float32)
    pred[:5] = Y[:5]
    grad, hess = objective("absolute_error")(Y, pred, sample_weight=WEIGHT)
    np.testing.assert_allclose(grad, WEIGHT * np.sign(pred - Y), rtol=1e-6)
    with np.errstate(divide="ignore"):
        plain = 1 / abs(pred - Y)
    bound = (hess / WEIGHT).max()
    np.testing.assert_allclose(hess, WEIGHT * np.minimum(plain, bound), rtol=1e-5)
    assert bound == pytest.approx(np.median(plain[5:]), rel=0.02)
    assert objective("absolute_error")(Y, Y)[1].tolist() == [1.0] * len(Y)


def test_objectives_and_metrics_can_be_pickled():
    for each in (objective("quantile", tau=0.3), metric("quantile", tau=0.3)):
        again = pickle.loads(pickle.dumps(each))
        np.testing.assert_array_equal(again(Y, Y + 1), each(Y, Y + 1))


@pytest.mark.parametrize(
    ("name", "params", "expected"),
    [
        ("half_squared_error", {}, np.average(abs(Y.astype(float)), weights=WEIGHT)),
        ("poisson_nll", {}, np.log(np.average(abs(Y.astype(float)), weights=WEIGHT))),
        ("tukey_biweight", {"scale": 3.0}, None),
        ("quantile", {"tau": 0.25}, None),
    ],
)
def test_initial_scores_minimise_the_loss(name, params, expected):
    target = abs(Y)
    score = initial_score(name, target, weight=WEIGHT, **params)
    if expected is not None:
        assert score == pytest.approx(expected, rel=1e-9)

    def value(shift):
        return getattr(fastloss, name)(np.full(len(Y), score + shift), target, weight=WEIGHT, **params)

    assert value(0.0) <= min(value(-1e-3), value(1e-3), value(-1.0), value(1.0))


def test_initial_scores_of_classes_are_their_logits():
    assert initial_score("binary_cross_entropy", [0, 1, 1, 1]) == pytest.approx(np.log(3), rel=1e-9)
    for targets, message in (
        (np.zeros(3), "no minimum on these targets"),
        ([], "target must have elements"),
        ([1, -1], "poisson_nll is NaN on these targets"),
    ):
        with pytest.raises(ValueError, match=message):
            initial_score("poisson_nll", targets)


def test_targets_most_of_which_are_infinite_have_no_initial_score():
    with pytest.raises(ValueError, match="no minimum on these targets"):
        initial_score("huber", [1.0, np.inf, np.inf])


def test_another_curvature_is_refused():
    with pytest.raises(ValueError, match="hess must be 'majorizer' or 'exact', got 'newton'"):
        objective("huber", hess="newton")


@pytest.mark.parametrize("name", ["dleta", "reduction", "where"])
def test_what_is_no_parameter_of_the_loss_is_refused(name):
    for make in (objective, metric, partial(initial_score, target=Y)):
        with pytest.raises(TypeError, match=f"huber: unknown parameter '{name}', expected delta"):
            make("huber", **{name: "sum"})


def test_several_predictions_for_a_target_are_told():
    for call in (objective("huber"), metric("huber")):
        with pytest.raises(ValueError, match=r"got predictions of shape \(6,\) for targets of shape \(3,\)"):
            call(np.zeros(3), np.zeros(6))
