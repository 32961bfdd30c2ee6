"""`RobustRegressor` beside other robust regressions, and in scikit-learn's own tools."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import HuberRegressor, LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fastloss
from fastloss.adapters.sklearn import RobustRegressor, fit, scale
from fastloss.adapters.sklearn.problem import Problem
from tests.stackloss import TABLE
from tests.subprocesses import run_python

RNG = np.random.default_rng(7)
X = RNG.standard_normal((500, 3)) + np.array([0.0, 100.0, 0.0])
COEF = np.array([1.0, -2.0, 0.5])
Y = X @ COEF + 3.0 + RNG.standard_t(2, len(X))

CHECKS = """
import warnings
from sklearn.utils.estimator_checks import check_estimator
from fastloss.adapters.sklearn import RobustRegressor

warnings.simplefilter("ignore")
for params in ({}, {"loss": "tukey_biweight"}, {"scale": "proposal2", "alpha": 0.1}):
    results = check_estimator(RobustRegressor(**params), on_skip=None)
    assert {result["status"] for result in results} == {"passed"}, results
"""


def test_scikit_learns_checks_pass_without_a_skip():
    result = run_python(CHECKS, env={"SCIPY_ARRAY_API": "1"}, timeout=300)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize(
    ("loss", "norm"),
    [("huber", sm.robust.norms.HuberT()), ("tukey_biweight", sm.robust.norms.TukeyBiweight())],
)
def test_stack_loss_is_fitted_as_by_statsmodels(loss, norm):
    x, y = TABLE[:, 1:], TABLE[:, 0]
    model = RobustRegressor(loss).fit(x, y)
    other = sm.RLM(y, sm.add_constant(x), M=norm).fit(maxiter=500, tol=1e-12)
    np.testing.assert_allclose([model.intercept_, *model.coef_], other.params, rtol=1e-6)
    assert model.scale_ == pytest.approx(other.scale, rel=1e-6)


def test_proposal_2_is_that_of_its_equation():
    model = RobustRegressor(scale="proposal2").fit(X, Y)
    residuals = (Y - model.predict(X)) / model.scale_
    z = np.linspace(-10, 10, 100_001)
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    expected = np.trapezoid(np.clip(z, -1.345, 1.345) ** 2 * density, z) * (len(X) - 4)
    assert (np.clip(residuals, -1.345, 1.345) ** 2).sum() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    "loss", ["huber", "cauchy", "fair", "welsch", "log_cosh", "pseudo_huber", "smooth_l1"]
)
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_the_objective_is_minimal(loss, fit_intercept):
    model = RobustRegressor(loss, scale=1.5, alpha=0.3, fit_intercept=fit_intercept).fit(X, Y)
    known = {"huber": 1.345, "cauchy": 2.385, "fair": 1.4, "welsch": 2.985}
    params = {name: 1.5 * known.get(loss, 1.0) for name in fastloss.get(loss).domains}
    grad = fastloss.get(loss).grad(model.predict(X), Y, **params)
    np.testing.assert_allclose(X.T @ grad + 0.3 * model.coef_, 0, atol=1e-6)
    assert abs(grad.sum()) < 1e-7 or not fit_intercept
    assert fit_intercept or model.intercept_ == 0.0


def test_squared_error_is_least_squares_and_ridge():
    for alpha, other in (0.0, LinearRegression()), (0.2, Ridge(0.2 * len(X))):
        model = RobustRegressor("half_squared_error", alpha=alpha).fit(X, Y)
        np.testing.assert_allclose(model.coef_, other.fit(X, Y).coef_, rtol=1e-9)
        assert model.intercept_ == pytest.approx(other.intercept_, rel=1e-9)


def test_the_absolute_error_is_fitted_as_a_median():
    model = RobustRegressor("absolute_error").fit(np.zeros((len(Y), 1)), Y)
    assert model.intercept_ == pytest.approx(np.median(Y), abs=1e-2)


def test_a_fit_that_has_not_converged_says_so():
    with pytest.warns(ConvergenceWarning, match="no convergence after max_iter=1 steps"):
        RobustRegressor("cauchy", max_iter=1).fit(X, Y)


HARD = {
    "three of one height": ([[10], [11], [28]], np.log([5000.0] * 3)),
    "two outliers of six": (np.arange(6)[:, None], [0.0, 1.0, 2.0, 3.0, 400.0, -900.0]),
    "three outliers of nine": (np.arange(9)[:, None], [0, 8e3, 2e3, 3e3, -8e3, 5e3, 2e4, 7e3, 8e3]),
}


@pytest.mark.parametrize("case", HARD)
def test_it_converges_where_others_fail(case):
    x, y = HARD[case]
    model = RobustRegressor().fit(x, y)
    found = model.predict(x)
    np.testing.assert_array_equal(model.outliers_, abs(found - y) > 1e-6)
    slope = {"three of one height": 0.0, "two outliers of six": 1.0, "three outliers of nine": 1000.0}[case]
    assert model.coef_[0] == pytest.approx(slope, abs=1e-9)


def test_weights_count_samples():
    counts = RNG.integers(0, 4, len(Y))
    weighted = RobustRegressor().fit(X, Y, counts)
    repeated = RobustRegressor().fit(np.repeat(X, counts, axis=0), np.repeat(Y, counts))
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, rtol=1e-9)
    assert weighted.scale_ == pytest.approx(repeated.scale_, rel=1e-9)


def test_float32_stays_float32_and_many_rows_start_from_few():
    x = RNG.standard_normal((250_000, 3)).astype(np.float32)
    y = (x @ COEF.astype(np.float32) + RNG.standard_t(2, len(x)) + 3).astype(np.float32)
    model, wide = RobustRegressor().fit(x, y), RobustRegressor().fit(x.astype(float), y.astype(float))
    assert model.predict(x).dtype == np.float32
    np.testing.assert_allclose(model.coef_, wide.coef_, rtol=1e-5)
    assert model.n_iter_ <= 5
    other = HuberRegressor(epsilon=1.345, alpha=0).fit(x.astype(float), y.astype(float))

    def objective(coef, intercept):
        return fastloss.huber(x @ coef + intercept, y, delta=1.345 * wide.scale_)

    assert objective(wide.coef_, wide.intercept_) <= objective(other.coef_, other.intercept_)


def test_many_rows_are_never_multiplied_for_a_matrix_of_their_own(calls_of):
    matrices = calls_of(fit, "_matrix")
    x = RNG.standard_normal((100_000, 3))
    y = x @ COEF + RNG.standard_t(2, len(x))
    model = RobustRegressor().fit(x, y)
    assert max(len(curve) for _, curve in matrices) == 5000
    grad = fastloss.huber.grad(model.predict(x), y, delta=1.345 * model.scale_)
    np.testing.assert_allclose(x.T @ grad, 0, atol=1e-8)


@pytest.mark.parametrize("factor", [1e-3, 0.3, 1.0, 3.0, 1e15])
def test_a_matrix_of_another_point_that_is_wrong_changes_nothing(factor):
    arguments = "huber", None, "mad", 0.0, True, X, Y, None
    expected = fit.fitted(Problem.of(*arguments), None, 200, 1e-10)
    begin = replace(expected, coef=expected.coef + 0.1, matrix=factor * expected.matrix, moved=np.inf)
    found = fit.fitted(Problem.of(*arguments), begin, 200, 1e-10)
    assert found.converged
    np.testing.assert_allclose(found.coef, expected.coef, rtol=1e-8)


def test_what_a_part_of_the_rows_lacks_is_fitted():
    """Rows 0, 20, 40 and so on have a zero column and two equal columns, and in the last case no weight."""
    x = RNG.standard_normal((40_000, 4))
    rare = np.arange(len(x)) % 20 == 7
    x[:, 2] *= rare
    x[:, 3] = x[:, 0] + rare * x[:, 3]
    y = x @ [1.0, -2.0, 0.5, 3.0] + RNG.standard_t(2, len(x))
    for weight in None, np.ones(len(x)), 1.0 * (np.arange(len(x)) % 5 > 0):
        model = RobustRegressor().fit(x, y, weight)
        grad = fastloss.huber.grad(model.predict(x), y, weight=weight, delta=1.345 * model.scale_)
        np.testing.assert_allclose(x.T @ grad, 0, atol=1e-8)


@pytest.mark.parametrize("count", [1, 2, 9, 1000, 1001])
def test_the_median_is_found_from_a_nearby_guess(count):
    sizes = abs(RNG.standard_normal(count)) + 0.5
    expected = float(np.median(sizes))
    for near in (0.0, 0.5, 0.94, 0.96, 1.0, 1.04, 1.06, 2.0, np.inf):
        assert scale._median(sizes, None, near * expected) == pytest.approx(expected, rel=1e-15)
    assert np.isnan(scale._median(np.append(sizes, np.nan), None, expected))


def test_a_warm_start_needs_no_more_steps():
    model = RobustRegressor(warm_start=True).fit(X, Y)
    steps = model.n_iter_
    assert model.fit(X, Y).n_iter_ < steps
    assert clone(model).fit(X, Y).n_iter_ == steps


def test_in_pipelines_searches_and_pickles():
    pipeline = make_pipeline(StandardScaler(), RobustRegressor())
    search = GridSearchCV(pipeline, {"robustregressor__delta": [0.5, 1.345, 5.0]}, cv=3).fit(X, Y)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(search)).predict(X), search.predict(X))
    assert search.best_score_ > 0.3


REFUSED = {
    "a loss of counts": ({"loss": "poisson_nll"}, "loss must depend on pred - target alone, got poisson_nll"),
    "a loss of ratios": ({"loss": "absolute_percentage_error"}, "loss must depend on pred - target alone"),
    "a share": ({"loss": "quantile"}, "tau of quantile is not in the units of the error"),
    "no threshold": ({"delta": 0.0}, "delta must be a number > 0 or inf, got 0.0"),
    "two parameters": ({"loss": "wing"}, "loss must have at most one parameter, wing has width, epsilon"),
    "a scale's name": ({"scale": "sd"}, "scale must be 'mad', 'proposal2' or a finite number > 0, got 'sd'"),
    "a scale": ({"scale": 0.0}, "or a finite number > 0, got 0.0"),
    "no scale": ({"scale": None}, "or a finite number > 0, got None"),
    "an alpha that is a text": ({"alpha": "1"}, "alpha must be a finite number >= 0, got '1'"),
    "a delta that is a text": ({"delta": "1"}, "delta must be a number > 0 or inf, got '1'"),
    "alpha": ({"alpha": -1.0}, "alpha must be a finite number >= 0, got -1.0"),
    "delta": ({"delta": 2.0, "loss": "log_cosh"}, "delta must be None for log_cosh, which has no parameter"),
    "a negative delta": ({"delta": -2.0}, "delta must be a number > 0 or inf, got -2.0"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case):
    params, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        RobustRegressor(**params).fit(X, Y)


def test_a_warm_start_needs_the_same_features():
    model = RobustRegressor(warm_start=True).fit(X, Y)
    with pytest.raises(
        ValueError, match=f"warm_start needs the {X.shape[1]} features of the previous fit, got 1"
    ):
        model.fit(X[:, :1], Y)
