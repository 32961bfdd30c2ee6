"""The source of a module with a loss whose factor changes."""

# Where the losses of a module take their factor from: it is 2 at first, and each change makes it 3.
HELPERS = """
import numpy as np
from numba import float64, njit
from numba.extending import register_jitable
import builtins
import fastloss
builtins.FROM_BUILTINS = 2.0
FACTOR = 2.0
NESTED, TABLE = (1.0, (2.0,)), np.array([2.0])
def helper(x):
    return FACTOR * x
def deep(x):
    return helper(x)
def default(x, factor=2.0):
    return factor * x
@njit
def compiled(x):
    return FACTOR * x
@njit
def over_compiled(x):
    return compiled(x)
@register_jitable
def registered(x):
    return FACTOR * x
@njit(locals={"y": float64})
def declared(x):
    y = FACTOR * x
    return y
def other(x):
    return 3.0 * x
"""


def source(expression):
    """The source of a module with a loss."""
    return f"""
import sys
me = sys.modules[__name__]
{HELPERS}
@fastloss.loss
def mine(pred, target):
    e = pred - target
    value = {expression}
    return value, value / e, 0.0
"""
