"""Other ways to compute the mean and the gradient of Huber's loss, each as fast as its library allows.

A maker takes float32 arrays and returns a call that gives the value and the gradient. The call reuses memory
if that is faster and the library allows it. It uses as many threads as the library does by itself.
"""

import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import numba
import numpy as np

import fastloss

Array = np.ndarray[Any, Any]
Call = Callable[[], tuple[Any, Any]]
Maker = Callable[[Array, Array, float], Call]

SMALL = 1 << 13  # elements up to which a new array is faster than reusing an old one
BLOCK = 1 << 16  # elements whose temporaries stay in the second-level cache
TOLERANCE = 1e-4  # relative, for means that peers sum in float32


def contenders(pred: Array, target: Array, delta: float) -> Iterator[tuple[str, Call]]:
    """Yield fastloss and the installed peers, without those that fail or give other numbers.

    They are made one by one, because the memory of all of them would be too much for large arrays.
    """
    fastloss_call = fastloss_huber(pred, target, delta)
    expected = fastloss_call()
    yield "fastloss", fastloss_call
    for name, (make, library) in PEERS.items():
        try:
            if find_spec(library) is None:
                raise ImportError(f"{library} is not installed")
            call = checked(make(pred, target, delta), expected)
        except Exception as error:  # another library may raise anything
            print(f"{name} is left out: {' '.join(str(error).split())[:200]}", file=sys.stderr)
        else:
            yield name, call
            del call


def checked(call: Call, expected: tuple[Any, Any]) -> Call:
    """Return the call; assert that it gives the expected value and gradient."""
    value, grad = call()
    np.testing.assert_allclose(value, expected[0], rtol=TOLERANCE)
    np.testing.assert_allclose(np.asarray(grad), expected[1], rtol=1e-5, atol=1e-12)
    return call


def fastloss_huber(pred: Array, target: Array, delta: float) -> Call:
    if pred.size <= SMALL:
        return lambda: fastloss.huber.value_and_grad(pred, target, delta=delta)
    out = np.empty_like(pred)
    return lambda: fastloss.huber.value_and_grad(pred, target, delta=delta, grad_out=out)


def usual_numpy(pred: Array, target: Array, delta: float) -> Call:
    """Use the lines that most people write."""

    def call() -> tuple[Any, Array]:
        error = pred - target
        size = np.abs(error)
        value = np.where(size <= delta, 0.5 * error**2, delta * (size - 0.5 * delta)).mean()
        grad = np.where(size <= delta, error, delta * np.sign(error)) / error.size
        return value, grad

    return call


def weighted_numpy(pred: Array, target: Array, delta: float, weight: Any) -> Call:
    """Use the same lines with weights, which broadcast."""

    def call() -> tuple[Any, Array]:
        error = pred - target
        size = np.abs(error)
        loss = np.where(size <= delta, 0.5 * error**2, delta * (size - 0.5 * delta))
        total = np.broadcast_to(weight, error.shape).sum()
        value = (weight * loss).sum() / total
        grad = weight * np.where(size <= delta, error, delta * np.sign(error)) / total
        return value, grad

    return call


def best_numpy(pred: Array, target: Array, delta: float) -> Call:
    """Use as few passes as NumPy allows, over whole arrays or over blocks that fit the caches."""
    limit, scale = pred.dtype.type(delta), pred.dtype.type(1 / pred.size)

    def small() -> tuple[Any, Array]:
        error = pred - target
        grad = error.clip(-limit, limit)
        value = (grad.dot(error) - 0.5 * grad.dot(grad)) * scale
        return value, grad * scale

    if pred.size <= SMALL:
        return small
    out, buffer = np.empty_like(pred), np.empty(min(BLOCK, pred.size), pred.dtype)

    def large() -> tuple[Any, Array]:
        total = 0.0
        for lo in range(0, pred.size, BLOCK):
            part = slice(lo, lo + BLOCK)
            grad = out[part]
            error = np.subtract(pred[part], target[part], out=buffer[: grad.size])
            error.clip(-limit, limit, out=grad)
            total += float(grad.dot(error)) - 0.5 * float(grad.dot(grad))
            np.multiply(grad, scale, out=grad)
        return total / pred.size, out

    return large


def scipy_special(pred: Array, target: Array, delta: float) -> Call:
    """Use `scipy.special.huber`, for which SciPy has no gradient."""
    from scipy.special import huber

    limit, scale = pred.dtype.type(delta), pred.dtype.type(1 / pred.size)
    error, out, values = np.empty_like(pred), np.empty_like(pred), np.empty_like(pred)

    def call() -> tuple[Any, Array]:
        np.subtract(pred, target, out=error)
        huber(limit, error, out=values)
        error.clip(-limit, limit, out=out)
        return values.mean(), np.multiply(out, scale, out=out)

    return call


def numexpr_expressions(pred: Array, target: Array, delta: float) -> Call:
    import numexpr

    out, values = np.empty_like(pred), np.empty_like(pred)
    names = {"p": pred, "t": target, "d": pred.dtype.type(delta), "s": pred.dtype.type(1 / pred.size)}
    names |= {"half": pred.dtype.type(0.5), "g": out}

    def call() -> tuple[Any, Array]:
        numexpr.evaluate("maximum(-d, minimum(d, p - t))", names, out=out)
        numexpr.evaluate("g * (p - t - half * g)", names, out=values)
        numexpr.evaluate("g * s", names, out=out)
        return values.mean(), out

    return call


def sklearn_loss(pred: Array, target: Array, delta: float) -> Call:
    """Use `sklearn._loss`, as scikit-learn's own estimators do, for elementwise losses and gradients."""
    from sklearn._loss.loss import HuberLoss

    loss = HuberLoss(delta=delta)
    threads = numba.get_num_threads() if pred.size > BLOCK else 1
    values, out, scale = np.empty_like(pred), np.empty_like(pred), pred.dtype.type(1 / pred.size)

    def call() -> tuple[Any, Array]:
        loss.loss_gradient(target, pred, loss_out=values, gradient_out=out, n_threads=threads)
        return values.mean(), np.multiply(out, scale, out=out)

    return call


def torch_eager(pred: Array, target: Array, delta: float) -> Call:
    """Use forward and backward passes on the same memory."""
    import torch

    return _torch(pred, target, lambda p, t: torch.nn.functional.huber_loss(p, t, delta=delta))


def torch_compiled(pred: Array, target: Array, delta: float) -> Call:
    import torch

    def loss(p: Any, t: Any) -> Any:
        return torch.nn.functional.huber_loss(p, t, delta=delta)

    torch.compiler.reset()  # otherwise it stops compiling after some sizes
    return _torch(pred, target, torch.compile(loss, dynamic=False))


def _torch(pred: Array, target: Array, loss: Callable[[Any, Any], Any]) -> Call:
    import torch

    here, there = torch.from_numpy(pred).requires_grad_(), torch.from_numpy(target)

    def call() -> tuple[float, Array]:
        here.grad = None
        value = loss(here, there)
        value.backward()
        assert here.grad is not None
        return float(value.detach()), here.grad.numpy()

    return call


def jax_jit(pred: Array, target: Array, delta: float) -> Call:
    """Use `jit(value_and_grad(...))` on copies of the arrays in JAX."""
    import jax

    def loss(p: Any, t: Any) -> Any:
        error = p - t
        size = abs(error)
        return jax.numpy.where(size <= delta, 0.5 * error**2, delta * (size - 0.5 * delta)).mean()

    compiled = jax.jit(jax.value_and_grad(loss))
    here, there = jax.device_put((pred, target), jax.devices("cpu")[0])
    return lambda: jax.block_until_ready(compiled(here, there))


#: The makers by name, and the libraries that they need.
PEERS: dict[str, tuple[Maker, str]] = {
    "NumPy, usual lines": (usual_numpy, "numpy"),
    "NumPy, best form": (best_numpy, "numpy"),
    "SciPy": (scipy_special, "scipy"),
    "numexpr": (numexpr_expressions, "numexpr"),
    "scikit-learn": (sklearn_loss, "sklearn"),
    "PyTorch": (torch_eager, "torch"),
    "torch.compile": (torch_compiled, "torch"),
    "JAX jit": (jax_jit, "jax"),
}
