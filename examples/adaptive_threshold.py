"""Thresholds that adapt while a model learns: ``python examples/adaptive_threshold.py [PICTURE]``.

Two straight lines are fitted to the flights of `python -m fastloss demo` by stochastic gradient descent, in
batches of 1,024. They predict from the departure delay, in hours, the arrival delay, and whether this is over
15 minutes (0 or 1). Each loss chooses its beta by itself. Ten steps, evenly spaced, and the last are printed.
With PICTURE (.svg, .png), beta and loss are drawn, which needs matplotlib.
"""

import sys
from importlib.resources import files
from typing import Any

import numpy as np

import fastloss

STEPS, BATCH, RATE = 2000, 1024, 0.02


def flights() -> tuple[np.ndarray, np.ndarray]:
    """Return inputs (n, 2), ones and departure delays, and targets (n, 2), arrival delays and lateness."""
    with (files("fastloss") / "data" / "flights.npz").open("rb") as file:
        data = np.load(file)
        dep, arr = data["dep"] / 60, data["arr"] / 60
    return np.stack([np.ones_like(dep), dep], 1), np.stack([arr, arr > 0.25], 1)


def train(step: Any) -> tuple[np.ndarray, list[tuple[float, np.ndarray]]]:
    """Fit with `step`, which returns value, gradient and betas. Return the coefficients and the path."""
    inputs, targets = flights()
    rng = np.random.default_rng(0)
    coefficients = np.array([[1.0, 1.0], [0.0, 0.0]])  # an hour too late: there is something to learn
    path = []
    for _ in range(STEPS):
        batch = rng.integers(0, len(inputs), BATCH)
        x, y = inputs[batch], targets[batch]
        value, grad, beta = step(x @ coefficients, y)
        coefficients -= RATE * (x.T @ grad)
        path.append((value, beta))
    return coefficients, path


def dynamic() -> Any:
    """Make a step whose beta follows the 128th smallest of the 1,024 errors in each batch."""
    loss = fastloss.DynamicSmoothL1(beta_max=1.0, k=128, interval=100)

    def step(pred: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        beta = np.array([loss.beta])
        return *loss.value_and_grad(pred, target), beta

    return step


def self_adjusting() -> Any:
    """Make a step with a beta for each of the two targets."""
    loss = fastloss.SelfAdjustingSmoothL1(num_features=2, beta_max=1.0)

    def step(pred: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        value, grad = loss.value_and_grad(pred, target)
        return value, grad, loss.beta

    return step


def draw(picture: str, paths: dict[str, list[tuple[float, np.ndarray]]]) -> None:
    """Draw beta and the smoothed loss over the steps."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.6), layout="constrained")
    betas, values = figure.subplots(1, 2)
    window, steps = np.ones(50) / 50, np.arange(0, STEPS, 10)
    for (name, path), colour in zip(paths.items(), ("#d55e00", "#0072b2"), strict=True):
        columns = np.array([beta for _, beta in path]).T
        labels = [name] if len(columns) == 1 else [f"{name}, delay", f"{name}, late or not"]
        for column, label, line in zip(columns, labels, ("-", "--"), strict=False):
            betas.plot(steps, column[::10], line, color=colour, label=label, linewidth=1.5)
        smooth = np.convolve([value for value, _ in path], window, "valid")[::10]
        values.plot(steps[: smooth.size] + 25, smooth, color=colour, label=name)
    betas.set(title="beta", xlabel="step", yscale="log")
    values.set(title="loss, mean of 50 steps", xlabel="step", yscale="log")
    for axes in (betas, values):
        axes.grid(color="#e6e9ed")
        axes.spines[["top", "right"]].set_visible(False)
    betas.legend(frameon=False, fontsize=8)
    figure.savefig(picture, metadata={"Date": None} if picture.endswith(".svg") else None)


def main(arguments: list[str]) -> None:
    paths = {}
    for name, make in (("dynamic", dynamic), ("self-adjusting", self_adjusting)):
        coefficients, paths[name] = train(make())
        print(f"{name}\n  step    loss  beta")
        for number in (*range(0, STEPS, STEPS // 10), STEPS - 1):
            value, beta = paths[name][number]
            print(f"  {number:4d}  {value:.4f}  {np.array2string(beta, precision=3)}")
        print("  arrival delay = {:.1f} min + {:.3f} x departure delay".format(*coefficients[:, 0] * (60, 1)))
    if arguments:
        draw(arguments[0], paths)


if __name__ == "__main__":
    main(sys.argv[1:])
