"""The same data fitted by six losses: ``python examples/which_loss.py [PICTURE]``.

A tenth of the points lie far above the line, as faulty readings do. Each loss fits a straight line by
iteratively reweighted least squares, whose weights `Loss.irls_weights` returns. With PICTURE (.svg, .png), it
draws the fits, which needs matplotlib.
"""

import sys

import numpy as np

import fastloss

POINTS, STEPS = 200, 100
LINE = 1.0, 0.5  # intercept and slope of the points that are not outliers
LOSSES = {
    "squared_error": {},
    "absolute_error": {},
    "huber": {"delta": 0.5},
    "cauchy": {"scale": 0.5},
    "tukey_biweight": {"scale": 1.5},
    "quantile": {"tau": 0.9},
}


def points() -> tuple[np.ndarray, np.ndarray]:
    """Return positions x and measurements y."""
    rng = np.random.default_rng(7)
    x = np.sort(rng.uniform(0, 10, POINTS))
    y = LINE[0] + LINE[1] * x + rng.normal(0, 0.3, POINTS)
    y[rng.random(POINTS) < 0.02 * x] += rng.uniform(3, 6)  # more often for larger x
    return x, y


def fit(name: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return intercept and slope of the line that a loss fits."""
    loss, params = fastloss.get(name), LOSSES[name]
    inputs, line = np.stack([np.ones_like(x), x], 1), np.array([np.median(y), 0.0])
    for _ in range(STEPS):
        # For an L1-like loss, the weight of an error of 0 is inf.
        weights = np.minimum(loss.irls_weights(inputs @ line, y, **params), 1e4)
        line = np.linalg.solve(inputs.T * weights @ inputs, inputs.T * weights @ y)
    return line


def main(arguments: list[str]) -> None:
    x, y = points()
    lines = {name: fit(name, x, y) for name in LOSSES}
    for name, (intercept, slope) in lines.items():
        print(f"{name:15} y = {intercept:.2f} + {slope:.2f} x")
    if arguments:
        draw(arguments[0], x, y, lines)


def draw(path: str, x: np.ndarray, y: np.ndarray, lines: dict[str, np.ndarray]) -> None:
    import matplotlib
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained", facecolor="white")
    axes = figure.subplots()
    axes.plot(x, y, ".", color="#8a97a6", ms=4)
    for (name, (intercept, slope)), dashes in zip(
        lines.items(), ["--", ":", "-", "-.", "-", ":"], strict=True
    ):
        params = ", ".join(f"{key}={value:g}" for key, value in LOSSES[name].items())
        axes.plot(x, intercept + slope * x, dashes, lw=1.8, label=f"{name} {params}".strip())
    axes.legend(frameon=False, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    with matplotlib.rc_context({"svg.hashsalt": "fastloss"}):
        figure.savefig(path, metadata={"Date": None} if path.endswith(".svg") else None)


if __name__ == "__main__":
    main(sys.argv[1:])
