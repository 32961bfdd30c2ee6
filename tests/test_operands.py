"""The domains of pred and target: for an element outside them, the value and the derivatives are NaN."""

import pickle

import numpy as np
import pytest

import fastloss
from fastloss import Domain, Labels, between, labels, nonnegative, positive
from tests.subprocesses import answer, run_python

NUMBERS = [-np.inf, -1.5, -1.0, -0.0, 0.0, 5e-324, 0.5, 1.0, np.nextafter(1, 2), 3.0, np.inf, np.nan]
DOMAINS = {
    "nonnegative": nonnegative(),
    "positive": positive(infinite=True),
    "between": between(0, 1),
    "between, included": between(-1.5, 1, included=True),
    "labels": labels(-1, 1),
    "three labels": labels(0, 0.5, 3),
}


def product(pred, target):
    return pred * target, target, pred - pred


@pytest.mark.parametrize("operand", ["pred", "target"])
@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_element_outside_is_nan_and_no_other(domain, operand, dtype):
    loss = fastloss.loss(**{operand: DOMAINS[domain]})(product)
    free = fastloss.loss(product)
    x = np.array(NUMBERS, dtype)
    pairs = {"pred": (x, np.ones_like(x)), "target": (np.ones_like(x), x)}[operand]
    inside = np.array([float(number) in DOMAINS[domain] for number in x])
    assert 0 < inside.sum() < x.size
    for found, expected in zip(
        loss.value_grad_hess(*pairs, reduction="none"),
        free.value_grad_hess(*pairs, reduction="none"),
        strict=True,
    ):
        np.testing.assert_array_equal(found, np.where(inside, expected, np.nan))


def test_both_operands_count_and_a_mask_leaves_elements_out():
    loss = fastloss.loss(pred=positive(), target=labels(-1, 1))(product)
    pred, target = np.array([1.0, -1.0, 1.0, 2.0]), np.array([1.0, 1.0, 0.0, -1.0])
    np.testing.assert_array_equal(loss(pred, target, reduction="none"), [1, np.nan, np.nan, -2])
    assert np.isnan(loss(pred, target))
    value, grad = loss.value_and_grad(pred, target, where=[True, False, False, True])
    assert value == -0.5
    np.testing.assert_array_equal(grad, [0.5, 0, 0, -0.5])


def test_losses_that_differ_in_their_operands_alone_have_kernels_of_their_own(tmp_path):
    module = "import fastloss\n"
    for name, domain in (("free", ""), ("bound", "(target=fastloss.nonnegative())")):
        formula = "def {0}(pred, target):\n    return pred - target, 1.0, 0.0\n"
        module += f"@fastloss.loss{domain}\n{formula.format('same')}{name} = same\n"
    (tmp_path / "both.py").write_text(module)
    code = (
        f"import json, sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "import both\n"
        "print(json.dumps([both.free(1.0, -1.0), str(both.bound(1.0, -1.0))]))"
    )
    for _ in range(2):  # compiled at first, then from disk
        assert answer(run_python(code, env={"NUMBA_CACHE_DIR": str(tmp_path / "cache")})) == [2.0, "nan"]


def test_the_domains_of_operands_are_pickled_with_a_loss():
    loss = fastloss.loss(target=labels(-1, 1))(product)
    again = pickle.loads(pickle.dumps(loss))
    assert again.operands == {"target": Labels((-1.0, 1.0))}
    assert np.isnan(again(1.0, 0.0))


def test_the_same_where_nothing_is_compiled():
    code = (
        "import json, fastloss\n"
        "@fastloss.loss(pred=fastloss.between(0, 1, included=True), target=fastloss.labels(-1, 1))\n"
        "def product(pred, target):\n"
        "    return pred * target, target, 0.0\n"
        "found = product([0.0, 1.0, 1.5, 0.5], [-1.0, 1.0, 1.0, 0.0], reduction='none')\n"
        "print(json.dumps([str(x) for x in found.tolist()]))"
    )
    assert answer(run_python(code, env={"NUMBA_DISABLE_JIT": "1"})) == ["-0.0", "1.0", "nan", "nan"]


@pytest.mark.parametrize("domain", [positive(default=1.0), 1.0, (0, 1)])
def test_other_things_are_no_domain_of_an_operand(domain):
    with pytest.raises(TypeError, match="loss product: target needs a domain without a default"):
        fastloss.loss(target=domain)(product)


@pytest.mark.parametrize("values", [(), (np.nan,), (1, 1)])
def test_labels_are_different_numbers(values):
    with pytest.raises(ValueError, match="labels must be different numbers"):
        labels(*values)


def test_help_says_what_pred_and_target_may_be():
    loss = fastloss.loss(pred=positive(), target=labels(-1, 1))(product)
    allowed = "`pred`: a finite number > 0; `target`: -1 or 1. For an element outside its domain, "
    assert f"\n\n{allowed}" in loss.__doc__
    assert "outside" not in fastloss.loss(product).__doc__


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (False, False, ""),
        (True, False, " or -inf"),
        (False, True, " or inf"),
        (True, True, " or -inf or inf"),
    ],
)
def test_a_domain_of_all_numbers_says_which_infinities_it_has(low, high, said):
    assert str(Domain(-np.inf, np.inf, low, high)) == f"a finite number{said}"
