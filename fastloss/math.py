"""Elementary functions for formulas: vectorised on the CPU, with the same bits on every device.

>>> import fastloss
>>> from fastloss import math
>>> @fastloss.loss
... def softplus(pred, target):
...     error = pred - target
...     return math.log1p_exp(error), math.sigmoid(error), 0.0
>>> softplus([0.0, 3.0], [0.0, 0.0])
1.8708672660668437

The functions take and return float32 or float64; anything else is converted to float64. They may be called
from Python, from formulas, and from your own ``@njit`` and ``@cuda.jit`` functions. None of them raises or
warns: like the functions of C, they return infinity or NaN. Results differ from the exact ones by at most one
unit in the last place (ulp); the Notes of each function give the largest error found.

On CUDA, a product and the sum that it enters may be fused, with one rounding; `fma` fuses them everywhere.
"""

from typing import TypeVar

import numpy as np

from fastloss._math import exponential as _exponential
from fastloss._math import logarithm as _logarithm
from fastloss._math import power as _power
from fastloss._math import primitives as _primitives
from fastloss._math.primitives import evaluate as _evaluate

__all__ = ["exp", "expm1", "fma", "log", "log1p", "log1p_exp", "pow", "sigmoid", "sqrt", "tanh"]

Float = TypeVar("Float", float, np.float32)


def exp(x: Float) -> Float:
    """The exponential function.

    Parameters
    ----------
    x : float or np.float32
        Any number.

    Returns
    -------
    float or np.float32
        ``e**x``; infinity above 709.78 (88.72 in float32), 0 below -745.14 (-103.97 in float32).

    Notes
    -----
    The largest error found is 0.90 ulp in float32 and 0.84 in float64.

    Examples
    --------
    >>> from fastloss import math
    >>> math.exp(1.0), math.exp(1000.0)
    (2.718281828459045, inf)
    """
    return _evaluate(_exponential.exp, (x,))


def expm1(x: Float) -> Float:
    """The exponential function minus 1, for x near 0.

    Parameters
    ----------
    x : float or np.float32
        Any number.

    Returns
    -------
    float or np.float32
        ``e**x - 1`` without cancellation.

    Notes
    -----
    The largest error found is 0.95 ulp in float32 and 0.75 in float64.

    Examples
    --------
    >>> from fastloss import math
    >>> math.expm1(1e-10)
    1.00000000005e-10
    """
    return _evaluate(_exponential.expm1, (x,))


def fma(x: Float, y: Float, z: Float) -> Float:
    """A fused multiply-add.

    Parameters
    ----------
    x, y, z : float or np.float32
        Any numbers.

    Returns
    -------
    float or np.float32
        ``x * y + z``, rounded once.

    Notes
    -----
    A single instruction of processors and CUDA devices; on a processor that lacks it, a function of the C
    library. The operation is that of IEEE 754-2019, section 5.4.1.

    Examples
    --------
    >>> from fastloss import math
    >>> math.fma(0.1, 10.0, -1.0), 0.1 * 10.0 - 1.0
    (5.551115123125783e-17, 0.0)
    """
    return _evaluate(_primitives.fma, (x, y, z))


def log(x: Float) -> Float:
    """The natural logarithm.

    Parameters
    ----------
    x : float or np.float32
        Any number.

    Returns
    -------
    float or np.float32
        ``log(x)``; minus infinity at 0, NaN below 0.

    Notes
    -----
    The largest error found is 0.78 ulp in float32 and 0.75 in float64.

    Examples
    --------
    >>> from fastloss import math
    >>> math.log(10.0), math.log(0.0), math.log(-1.0)
    (2.302585092994046, -inf, nan)
    """
    return _evaluate(_logarithm.log, (x,))


def log1p(x: Float) -> Float:
    """The natural logarithm of 1 plus a number, for x near 0.

    Parameters
    ----------
    x : float or np.float32
        Any number.

    Returns
    -------
    float or np.float32
        ``log(1 + x)`` without cancellation; minus infinity at -1, NaN below -1.

    Notes
    -----
    The largest error found is 0.78 ulp in float32 and 0.75 in float64.

    Examples
    --------
    >>> from fastloss import math
    >>> math.log1p(1e-20)
    1e-20
    """
    return _evaluate(_logarithm.log1p, (x,))


def log1p_exp(x: Float) -> Float:
    """The softplus function, or logistic loss.

    Parameters
    ----------
    x : float or np.float32
        Any number.

    Returns
    -------
    float or np.float32
        ``log(1 + exp(x))``, which is nearly x for large x; nothing overflows on the way.

    Notes
    -----
    The largest error found is 0.91 ulp in float32 and 0.80 in float64.

    Examples
    --------
    >>> from fastloss import math
    >>> math.log1p_exp(0.0), math.log1p_exp(1000.0)
    (0.6931471805599453, 1000.0)
    """
    return _evaluate(_logarithm.log1p_exp, (x,))


def pow(x: Float, y: Float) -> Float:
    """A number raised to the power of another.

    Parameters
    ----------
    x, y : float or np.float32
        Any numbers.

    Returns
    -------
    float or np.float32
        ``x**y``; NaN where x is negative and y is finite and not whole.

    Notes
    -----
    The largest error found is 0.80 ulp in float32 and 0.88 in float64.
    Zeros, infinities and NaN are treated as in IEEE 754-2019, section 9.2.1: ``pow(x, 0)`` and
    ``pow(1, y)`` are 1, even if the other number is NaN.

    Examples
    --------
    >>> from fastloss import math
    >>> math.pow(2.0, 0.5), math.pow(-2.0, 3.0), math.pow(-2.0, 0.5)
    (1.4142135623730951, -8.0, nan)
    """
    return _evaluate(_power.pow, (x, y))


def sigmoid(x: Float) -> Float:
    """The logistic function.

    Parameters
    ----------
    x : float or np.float32
        Any number.

    Returns
    -------
    float or np.float32
        ``1 / (1 + exp(-x))``, between 0 and 1.

    Notes
    -----
    The largest error found is 0.80 ulp in float32 and 0.76 in float64.

    Examples
    --------
    >>> from fastloss import math
    >>> math.sigmoid(0.0), math.sigmoid(-1000.0)
    (0.5, 0.0)
    """
    return _evaluate(_exponential.sigmoid, (x,))


def sqrt(x: Float) -> Float:
    """The square root.

    Parameters
    ----------
    x : float or np.float32
        Any number.

    Returns
    -------
    float or np.float32
        The root, rounded once; NaN below 0.

    Notes
    -----
    A single instruction of processors and CUDA devices, as in IEEE 754-2019, section 5.4.1.

    Examples
    --------
    >>> from fastloss import math
    >>> math.sqrt(2.0), math.sqrt(-1.0)
    (1.4142135623730951, nan)
    """
    return _evaluate(_primitives.root, (x,))


def tanh(x: Float) -> Float:
    """The hyperbolic tangent.

    Parameters
    ----------
    x : float or np.float32
        Any number.

    Returns
    -------
    float or np.float32
        ``tanh(x)``, between -1 and 1.

    Notes
    -----
    The largest error found is 0.80 ulp in float32 and 0.65 in float64.

    Examples
    --------
    >>> from fastloss import math
    >>> math.tanh(1.0)
    0.7615941559557649
    """
    return _evaluate(_exponential.tanh, (x,))
