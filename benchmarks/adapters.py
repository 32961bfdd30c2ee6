"""How fast the adapters are beside what their libraries have of their own.

    python -m benchmarks.adapters                 # all, a quarter of an hour
    python -m benchmarks.adapters torch sklearn   # some

Needs the extras ``bench``, ``peers``, ``boosting``, ``scipy``, ``sklearn`` and ``torch``. Both sides run in
turn. A figure is the median of the rounds' ratios: how many times as fast as the library's own fastloss is.
"""

import argparse
from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np

from benchmarks.pairs import Timings

Array = np.ndarray[Any, Any]
RNG = np.random.default_rng(0)
SAMPLES, FEATURES = 10**6, 20  # of the linear models
TREES, TRAINED = 100, 250_000  # of boosting


class Figure(NamedTuple):
    """What was compared."""

    task: str
    other: str
    ours: Callable[[], Any]
    theirs: Callable[[], Any]
    rounds: int


def torch() -> Iterator[Figure]:
    """Forward and backward pass, each with a gradient of new memory."""
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
            yield Figure(f"{name}, {n:,} float32", "PyTorch", ours, step(own), rounds)
            yield Figure(f"{name}, {n:,} float32", "torch.compile", ours, step(torch.compile(own)), rounds)


def scipy() -> Iterator[Figure]:
    """Three steps of least_squares with a line, its derivatives given."""
    from scipy.optimize import least_squares

    from fastloss.adapters.scipy import rho

    x = RNG.standard_normal(SAMPLES)
    y = 2 * x + 1 + RNG.standard_t(2, SAMPLES)
    line = np.stack([x, np.ones_like(x)], axis=1)

    def fit(loss: Any) -> Any:
        return least_squares(lambda c: line @ c - y, [0.0, 0.0], jac=lambda c: line, loss=loss, max_nfev=3)

    for name, own in ("huber", "huber"), ("pseudo_huber", "soft_l1"), ("cauchy", "cauchy"):
        yield Figure(
            f"least_squares, {SAMPLES:,} float64",
            f"SciPy's {own}",
            lambda name=name: fit(rho(name)),
            lambda own=own: fit(own),
            7,
        )


def sklearn() -> Iterator[Figure]:
    """Robust regressions until they say that they have converged."""
    from sklearn.linear_model import HuberRegressor
    from statsmodels.api import RLM, add_constant

    from fastloss.adapters.sklearn import RobustRegressor

    x = RNG.standard_normal((SAMPLES, FEATURES)).astype(np.float32)
    y = (x @ RNG.standard_normal(FEATURES) + RNG.standard_t(2, SAMPLES)).astype(np.float32)
    for name, (X, Y), rounds in ("flights", flights(), 5), (f"({SAMPLES:,}, {FEATURES}) float32", (x, y), 2):

        def ours(X: Array = X, Y: Array = Y) -> Any:
            return RobustRegressor().fit(X, Y)

        def huber(X: Array = X, Y: Array = Y) -> Any:
            return HuberRegressor(epsilon=1.345, alpha=0, max_iter=1000).fit(X, Y)

        def rlm(X: Array = X, Y: Array = Y) -> Any:
            return RLM(Y, add_constant(X)).fit()

        yield Figure(name, "HuberRegressor", ours, huber, rounds)
        yield Figure(name, "statsmodels' RLM", ours, rlm, 1 if X is x else rounds)


def boosting() -> Iterator[Figure]:
    """Training of a hundred trees, on flights and on as many rows of several features."""
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
                yield Figure(
                    f"{loss}, {rows}",
                    f"{library}'s {own}",
                    lambda run=run, goal=goal: run(goal),
                    lambda run=run, own=own: run(own),
                    5,
                )


def flights() -> tuple[Array, Array]:
    """Departure and arrival delays in minutes, of the demo."""
    with (files("fastloss") / "data" / "flights.npz").open("rb") as file, np.load(file) as delays:
        return delays["dep"][:, np.newaxis].astype(np.float32), delays["arr"].astype(np.float32)


ADAPTERS = {"torch": torch, "scipy": scipy, "sklearn": sklearn, "boosting": boosting}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("adapters", nargs="*", default=list(ADAPTERS), help="all without any")
    print("| task | other | fastloss | other | speed |\n|---|---|---|---|---|")
    for adapter in parser.parse_args().adapters:
        for figure in ADAPTERS[adapter]():
            timings = Timings({"ours": figure.ours, "theirs": figure.theirs}, figure.rounds)
            times = [f"{timings.median(side) * 1e3:,.3g} ms" for side in ("ours", "theirs")]
            print(
                f"| {figure.task} | {figure.other} | {times[0]} | {times[1]} "
                f"| {timings.speed('ours', 'theirs'):.2g} x |",
                flush=True,
            )


if __name__ == "__main__":
    main()
