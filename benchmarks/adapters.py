"""The speed of the adapters in comparison with their libraries.

    python -m benchmarks.adapters                 # all, a quarter of an hour
    python -m benchmarks.adapters torch sklearn   # some

This needs the extras ``bench``, ``peers``, ``boosting``, ``scipy``, ``sklearn`` and ``torch``. Both sides run
in turn. A speed says how many times as fast as the library fastloss is, as the median of the rounds' ratios.
The results are kept with those of the report, which shows them on its page.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np

from benchmarks import report
from benchmarks.pairs import Call, Timings

Array = np.ndarray[Any, Any]
RNG = np.random.default_rng(0)
SAMPLES, FEATURES = 10**6, 20  # of the linear models
TREES, TRAINED = 100, 250_000  # of boosting


class Comparison(NamedTuple):
    """A task, the two calls to compare, the number of rounds and the speed to reach."""

    task: str
    other: str
    ours: Call
    theirs: Call
    rounds: int
    goal: float


def torch() -> Iterator[Comparison]:
    """Forward and backward passes, each of which allocates a new gradient."""
    import torch
    import torch.nn.functional as F

    from fastloss.adapters import torch as adapter

    for n, rounds in (1000, 200), (1 << 24, 15):
        pred, target = torch.randn(n, requires_grad=True), torch.rand(n)

        def step(function: Callable[..., Any], pred: Any = pred, target: Any = target) -> Callable[[], None]:
            def both() -> None:
                pred.grad = None
                function(pred, target).backward()

            return both

        for name in ("huber_loss", "mse_loss", "binary_cross_entropy_with_logits"):
            own = getattr(F, name)
            ours = step(getattr(adapter, name))
            task = f"{name}, {n:,} float32"
            eager, compiled = (1, 1) if n == 1000 else (4, 2)
            yield Comparison(task, "PyTorch", ours, step(own), rounds, eager)
            yield Comparison(task, "torch.compile", ours, step(torch.compile(own)), rounds, compiled)


def scipy() -> Iterator[Comparison]:
    """Three steps of least_squares for a line with its derivatives, and an evaluation of a linear model."""
    from scipy.optimize import least_squares

    import fastloss
    from fastloss.adapters.scipy import linear_objective, rho

    x = RNG.standard_normal(SAMPLES)
    y = 2 * x + 1 + RNG.standard_t(2, SAMPLES)
    line = np.stack([x, np.ones_like(x)], axis=1)

    def fit(loss: Any) -> Any:
        return least_squares(lambda c: line @ c - y, [0.0, 0.0], jac=lambda c: line, loss=loss, max_nfev=3)

    def ours(name: str) -> Any:
        return fit(rho(name))

    for name, own in ("huber", "huber"), ("pseudo_huber", "soft_l1"), ("cauchy", "cauchy"):
        yield Comparison(
            f"least_squares, {SAMPLES:,} float64",
            f"SciPy's {own}",
            partial(ours, name),
            partial(fit, own),
            7,
            1,
        )

    X, Y, w = linear()
    evaluation = linear_objective("huber", X, Y, delta=1.345)

    def twice() -> Any:
        loss, grad = fastloss.huber.value_and_grad(X @ w, Y, delta=1.345)
        return loss, X.T @ grad

    task = f"linear model, ({SAMPLES:,}, {FEATURES}) float32"
    yield Comparison(task, "two products of NumPy's", lambda: evaluation(w), twice, 15, 1)


def sklearn() -> Iterator[Comparison]:
    """Robust regressions that run until they report convergence."""
    from sklearn.linear_model import HuberRegressor
    from statsmodels.api import RLM, add_constant

    from fastloss.adapters.sklearn import RobustRegressor

    x, y, _ = linear()
    for name, (X, Y), rounds in ("flights", flights(), 5), (f"({SAMPLES:,}, {FEATURES}) float32", (x, y), 3):

        def ours(X: Array = X, Y: Array = Y) -> Any:
            return RobustRegressor().fit(X, Y)

        def huber(X: Array = X, Y: Array = Y) -> Any:
            return HuberRegressor(epsilon=1.345, alpha=0, max_iter=1000).fit(X, Y)

        def rlm(X: Array = X, Y: Array = Y) -> Any:
            return RLM(Y, add_constant(X)).fit()

        yield Comparison(name, "HuberRegressor", ours, huber, rounds, 20)
        yield Comparison(name, "statsmodels' RLM", ours, rlm, 1 if X is x else rounds, 20)


def boosting() -> Iterator[Comparison]:
    """Training of a hundred trees, on flights and on as many rows with more features."""
    import lightgbm
    import xgboost

    from fastloss.adapters.boosting import initial_score, objective

    dep, arr = (delays[:TRAINED] for delays in flights())
    x = RNG.standard_normal((TRAINED, FEATURES)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] + RNG.standard_t(2, TRAINED)).astype(np.float32)
    for rows, (X, Y) in {"flights": (dep, arr), f"({TRAINED:,}, {FEATURES})": (x, y)}.items():
        for loss, of_lightgbm, of_xgboost in (
            ("half_squared_error", "regression", "reg:squarederror"),
            ("absolute_error", "regression_l1", "reg:absoluteerror"),
        ):
            goal, score = objective(loss), initial_score(loss, Y)

            def trees(objective: Any, X: Array = X, Y: Array = Y, score: float = score) -> Any:
                data = lightgbm.Dataset(X, Y, init_score=np.full(len(Y), score), params={"verbose": -1})
                return lightgbm.train({"objective": objective, "verbose": -1}, data, TREES)

            def others(objective: Any, X: Array = X, Y: Array = Y, score: float = score) -> Any:
                params = {"base_score": score} | (
                    {"objective": objective} if isinstance(objective, str) else {}
                )
                own = None if isinstance(objective, str) else objective
                return xgboost.train(params, xgboost.DMatrix(X, Y), TREES, obj=own)

            for library, run, own in ("LightGBM", trees, of_lightgbm), ("XGBoost", others, of_xgboost):
                yield Comparison(
                    f"{loss}, {rows}",
                    f"{library}'s {own}",
                    partial(run, goal),
                    partial(run, own),
                    5,
                    1 / 1.3,
                )


def linear() -> tuple[Array, Array, Array]:
    """Data of a linear model with heavy tails, and its coefficients, in float32."""
    x = RNG.standard_normal((SAMPLES, FEATURES)).astype(np.float32)
    w = RNG.standard_normal(FEATURES).astype(np.float32)
    return x, (x @ w + RNG.standard_t(2, SAMPLES)).astype(np.float32), w


def flights() -> tuple[Array, Array]:
    """The departure and arrival delays of the demo, in minutes."""
    with (files("fastloss") / "data" / "flights.npz").open("rb") as file, np.load(file) as delays:
        return delays["dep"][:, np.newaxis].astype(np.float32), delays["arr"].astype(np.float32)


ADAPTERS = {"torch": torch, "scipy": scipy, "sklearn": sklearn, "boosting": boosting}


def measured(adapter: str) -> list[report.Row]:
    """Make the comparisons of one adapter, and print each on stderr."""
    rows: list[report.Row] = []
    for task, other, ours, theirs, rounds, goal in ADAPTERS[adapter]():
        timings = Timings({"ours": ours, "theirs": theirs}, rounds)
        seconds = [timings.median("ours"), timings.median("theirs")]
        speed = timings.speed("ours", "theirs")
        print(task, other, *seconds, speed, sep=" | ", file=sys.stderr, flush=True)
        rows.append({"task": task, "other": other, "seconds": seconds, "speed": speed, "goal": goal})
    return rows


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("adapters", nargs="*", help="adapters to measure; default all")
    chosen = parser.parse_args(arguments).adapters or list(ADAPTERS)
    if unknown := [name for name in chosen if name not in ADAPTERS]:
        parser.error(f"unknown adapters {', '.join(unknown)}, expected some of {', '.join(ADAPTERS)}")
    for adapter in chosen:
        report.keep_adapter(adapter, measured(adapter))
    return report.main(["--again"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
