"""Elementary functions for formulas."""
from fastloss._math import exponential as _exponential
from fastloss._math import logarithm as _logarithm
from fastloss._math import power as _power
from fastloss._math import primitives as _primitives
from fastloss._math.primitives import evaluate


def exp(x):
    return evaluate(_exponential.exp, (x,))


def expm1(x):
    return evaluate(_exponential.expm1, (x,))


def tanh(x):
    return evaluate(_exponential.tanh, (x,))


def sigmoid(x):
    return evaluate(_exponential.sigmoid, (x,))


def log(x):
    return evaluate(_logarithm.log, (x,))


def log1p(x):
    return evaluate(_logarithm.log1p, (x,))


def log1p_exp(x):
    return evaluate(_logarithm.log1p_exp, (x,))


def pow(x, y):
    return evaluate(_power.pow, (x, y))


def sqrt(x):
    return evaluate(_primitives.root, (x,))


def fma(x, y, z):
    return evaluate(_primitives.fma, (x, y, z))
