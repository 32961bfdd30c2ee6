"""Errors of the adaptive losses name the argument, what was expected and what was given."""

import numpy as np
import pytest

from fastloss import DynamicSmoothL1, SelfAdjustingSmoothL1

from .foreign import OnDevice

PRED = np.array([[0.1, 0.2], [0.5, 0.7]])


def dynamic(**state):
    return DynamicSmoothL1(interval=5).load_state_dict({"beta": 0.5, "steps": 2, "records": [0.1]} | state)


def adjusting(**state):
    full = {"running_mean": [0.1, 0.1], "running_var": [0.0, 0.0]}
    return SelfAdjustingSmoothL1(2).load_state_dict(full | state)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: DynamicSmoothL1(0.0), ValueError, "DynamicSmoothL1: beta_max must be > 0, got 0.0"),
        (
            lambda: DynamicSmoothL1(np.inf),
            ValueError,
            "beta_max must be a number from 0 to 1.79769e+308, got inf",
        ),
        (
            lambda: DynamicSmoothL1("1"),
            ValueError,
            "beta_max must be a number from 0 to 1.79769e+308, got '1'",
        ),
        (lambda: DynamicSmoothL1(k=0), ValueError, "k must be an integer >= 1, got 0"),
        (lambda: DynamicSmoothL1(k=1.0), ValueError, "k must be an integer >= 1, got 1.0"),
        (lambda: DynamicSmoothL1(interval=True), ValueError, "interval must be an integer >= 1, got True"),
        (
            lambda: DynamicSmoothL1(statistic="mean"),
            ValueError,
            "statistic must be 'upper_median' or 'median', got 'mean'",
        ),
        (lambda: DynamicSmoothL1()(PRED, 0.0, images=0), ValueError, "images must be an integer >= 1, got 0"),
        (
            lambda: DynamicSmoothL1()(PRED, 0.0, errors=PRED),
            ValueError,
            "errors must have shape (samples,), got",
        ),
        (
            lambda: DynamicSmoothL1()(PRED, 0.0, errors=[0.5, -0.1]),
            ValueError,
            "errors must be >= 0, got -0.1",
        ),
        (
            lambda: DynamicSmoothL1()(PRED, 0.0, errors=OnDevice()),
            TypeError,
            "statistics need NumPy arrays, got one on a CUDA device: copy errors to the host",
        ),
        (lambda: DynamicSmoothL1()(PRED, 0.0, errors=["a"]), TypeError, "errors must hold real numbers"),
        (lambda: DynamicSmoothL1()(1.0, 0.0), ValueError, "pred must have an axis of samples, got a number"),
        (lambda: DynamicSmoothL1()(PRED, 0.0, beta=1.0), TypeError, "beta is what this loss adapts"),
        (lambda: DynamicSmoothL1()(PRED, 0.0, dleta=1.0), TypeError, "unknown keyword 'dleta'"),
        (
            lambda: DynamicSmoothL1()(OnDevice(), 0.0),
            TypeError,
            "statistics need NumPy arrays, got one on a CUDA device: pass errors=, or update=False",
        ),
        (lambda: dynamic(beta=2.0), ValueError, "beta of a state must be a number from 0 to 1, got 2.0"),
        (
            lambda: dynamic(beta=[0.5, 0.5]),
            ValueError,
            "beta of a state must be a number, got [0.5, 0.5]",
        ),
        (lambda: dynamic(beta="half"), ValueError, "beta of a state must be a number, got 'half'"),
        (
            lambda: dynamic(steps=5),
            ValueError,
            "steps of a state must be from the number of records to interval - 1",
        ),
        (
            lambda: dynamic(steps=0.5, records=[]),
            ValueError,
            "steps of a state must be from the number of records",
        ),
        (lambda: dynamic(records=[0.1] * 3), ValueError, "= 4, got 2 with 3 records"),
        (
            lambda: dynamic(records=[np.nan]),
            ValueError,
            "records of a state must be numbers, got [nan]",
        ),
        (
            lambda: dynamic(more=1),
            ValueError,
            "a state must hold beta, steps, records, got beta, steps, records, more",
        ),
        (lambda: dynamic(records=[-0.1]), ValueError, "records of a state must be >= 0, got -0.1"),
        (
            lambda: dynamic(records=[[0.1]]),
            ValueError,
            "records of a state must be numbers, got [[0.1]]",
        ),
        (
            lambda: DynamicSmoothL1().load_state_dict(None),
            TypeError,
            "a state must be a mapping, got None",
        ),
        (
            lambda: DynamicSmoothL1().load_state_dict({}),
            ValueError,
            "a state must hold beta, steps, records, got nothing",
        ),
        (
            lambda: SelfAdjustingSmoothL1(0),
            ValueError,
            "SelfAdjustingSmoothL1: num_features must be an integer >= 1",
        ),
        (
            lambda: SelfAdjustingSmoothL1(2, beta_max=1e-4),
            ValueError,
            "beta_max must be a number from 0.001 to 1.79769e+308, got 0.0001",
        ),
        (lambda: SelfAdjustingSmoothL1(2, beta_min=-1.0), ValueError, "beta_min must be a number from 0 to"),
        (
            lambda: SelfAdjustingSmoothL1(2, momentum=1.5),
            ValueError,
            "momentum must be a number from 0 to 1, got",
        ),
        (
            lambda: SelfAdjustingSmoothL1(3)(PRED, 0.0),
            ValueError,
            "pred must have shape (..., num_features=3), got (2, 2)",
        ),
        (
            lambda: SelfAdjustingSmoothL1(1)(0.5, 0.0),
            ValueError,
            "pred must have shape (..., num_features=1), got ()",
        ),
        (
            lambda: SelfAdjustingSmoothL1(2)(PRED, PRED[:1, :1, None]),
            ValueError,
            "target must broadcast to pred's",
        ),
        (
            lambda: SelfAdjustingSmoothL1(2)(OnDevice(), 0.0),
            TypeError,
            "statistics need NumPy arrays, got one on",
        ),
        (
            lambda: adjusting(running_mean=[0.1]),
            ValueError,
            "running_mean of a state must be 2 numbers, got",
        ),
    ],
)
def test_bad_input_is_named(call, kind, message):
    with pytest.raises(kind) as caught:
        call()
    assert message in str(caught.value)


def test_a_bad_state_changes_nothing():
    loss = SelfAdjustingSmoothL1(2)
    loss(PRED, 0.0)
    before = loss.state_dict()
    with pytest.raises(ValueError, match="running_var"):
        loss.load_state_dict({"running_mean": [0.1, 0.1], "running_var": [0.1, np.nan]})
    assert loss.state_dict() == before
