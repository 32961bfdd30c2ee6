"""A loss is compiled from the same state of its code on the CPU and on the device."""

import numpy as np
import pytest

import fastloss
from tests.cuda.conftest import Foreign

ONES = np.ones(3, np.float32)


@pytest.mark.parametrize("first", ["cpu", "cuda"])
def test_a_change_between_two_devices_reaches_neither(device, first):
    factor = 2.0

    @fastloss.loss
    def scaled(pred, target):
        return factor * (pred - target), factor, 0.0

    def on_the_cpu():
        return scaled.grad(ONES, 0.0, reduction="sum").tolist()

    def on_the_device():
        return scaled.grad(Foreign(ONES), 0.0, reduction="sum").copy_to_host().tolist()

    one, other = (on_the_cpu, on_the_device) if first == "cpu" else (on_the_device, on_the_cpu)
    assert one() == [2.0] * 3
    factor = 3.0
    assert other() == one() == [2.0] * 3
    assert fastloss.loss(scaled.formula).grad(ONES, 0.0, reduction="sum").tolist() == [3.0] * 3


def test_code_that_could_not_be_compiled_is_read_again(device):
    @fastloss.loss
    def late(pred, target):
        return helper(pred - target), 1.0, 0.0

    helper = str.upper
    with pytest.raises(TypeError, match="loss late "):
        late(Foreign(ONES), 0.0)
    helper = abs
    assert late(Foreign(-ONES), 0.0).copy_to_host() == 1.0
