"""Losses are found by their names."""

import re
from collections import Counter

import pytest

import fastloss
from fastloss.losses import shipped


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("l1", "absolute_error"),
        ("mae", "absolute_error"),
        ("L2", "squared_error"),
        ("mse", "squared_error"),
        ("half-squared-error", "half_squared_error"),
        ("Huber", "huber"),
        ("huber_loss", "huber"),
        ("smooth l1", "smooth_l1"),
        ("smooth_l1_loss", "smooth_l1"),
    ],
)
def test_get_knows_the_usual_names(alias, name):
    assert fastloss.get(alias) is getattr(fastloss, name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hubr", "get: no loss is called 'hubr'; similar names: huber"),
        ("smoothl1", "similar names: smooth_l1"),
        ("zzz", f"similar names: {', '.join(sorted(shipped()))}"),
    ],
)
def test_get_lists_near_names(name, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        fastloss.get(name)


def test_get_refuses_other_types():
    with pytest.raises(TypeError, match="get: the name must be a str or a Loss, got int"):
        fastloss.get(3)


def test_get_returns_a_loss_as_it_is():
    assert fastloss.get(fastloss.huber) is fastloss.huber


def test_no_name_stands_for_two_losses():
    names = [(name, each) for each in shipped().values() for name in (each.name, *each.aliases)]
    assert not [name for name, count in Counter(name for name, _ in names).items() if count > 1]
    for name, loss in names:
        assert fastloss.get(name) is loss
