"""The calls of the peers, made now on many random numbers, where they are installed."""

from importlib.util import find_spec

import pytest

from tests.peers import CALLS, SOURCES
from tests.peers.agreement import assert_agrees
from tests.peers.operands import operands

SIZE = 10_000


@pytest.mark.parametrize("call", CALLS, ids=lambda call: "-".join(call.key))
@pytest.mark.filterwarnings("ignore")  # warnings of other packages
def test_agrees_now(call):
    if find_spec(SOURCES[call.source].module) is None:
        pytest.skip(f"{call.source} is not installed")
    pred, target = (column.astype(call.dtype) for column in operands(call.inputs, call.most or SIZE))
    for (reduction, quantity), expected in call.measured(pred, target).items():
        if reduction == "none" or call.dtype == "float64":  # peers sum float32 in float32
            assert_agrees(call, reduction, quantity, pred, target, expected)
