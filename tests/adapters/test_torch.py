"""The losses of `fastloss.adapters.torch` against PyTorch's own: values, gradients, graphs and training."""

import copy
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import fastloss
from fastloss.adapters import torch as adapter
from fastloss.adapters.torch import Huber, Loss

from .torch_tensors import ELEMENTS, outcome, tensors

FLIGHTS = Path(fastloss.__file__).parent / "data" / "flights.npz"
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # raised by PyTorch while it compiles

HOST = {  # the functions of PyTorch, and the options to compare them with
    "smooth_l1_loss": [{}, {"beta": 0.5}, {"beta": 0.0}],
    "huber_loss": [{}, {"delta": 0.3}, {"delta": 2.0, "weight": True}],
    "l1_loss": [{}, {"weight": True}],
    "mse_loss": [{}, {"weight": True}],
    "binary_cross_entropy_with_logits": [{}, {"weight": True}],
    "poisson_nll_loss": [{}],
}
CASES = [(name, options) for name, cases in HOST.items() for options in cases]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(("name", "options"), CASES)
def test_functions_have_the_values_gradients_and_types_of_pytorchs(name, options, reduction):
    for dtype, tolerance in (torch.float32, 2e-6), (torch.float64, 1e-13):
        pred, target, weight = tensors(dtype)
        given = {key: weight if key == "weight" else x for key, x in options.items()} | {
            "reduction": reduction
        }
        for upstream in (1.0, -2.5):
            found = outcome(getattr(adapter, name), pred, target, upstream=upstream, **given)
            expected = outcome(getattr(F, name), pred, target, upstream=upstream, **given)
            for ours, theirs in zip(found, expected, strict=True):
                assert ours.dtype == theirs.dtype == dtype
                torch.testing.assert_close(ours, theirs, rtol=0, atol=tolerance * theirs.abs().max().item())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_halves_are_computed_in_float32_and_rounded_once(dtype, reduction):
    pred, target, _ = tensors(dtype)
    value, grad = outcome(adapter.huber_loss, pred, target, reduction=reduction)
    wide = pred.detach().float().requires_grad_()
    exact, slope = outcome(F.huber_loss, wide, target.float(), reduction=reduction)
    assert value.dtype == grad.dtype == dtype
    unit = torch.finfo(dtype).eps
    torch.testing.assert_close(value.float(), exact, rtol=unit, atol=1e-7)
    torch.testing.assert_close(grad.float(), slope, rtol=unit, atol=1e-7)


def test_without_grad_there_is_none():
    pred, target, _ = tensors()
    with torch.no_grad():
        assert not adapter.huber_loss(pred, target).requires_grad
    with torch.inference_mode():
        assert adapter.huber_loss(pred, target) == F.huber_loss(pred, target)
    assert not adapter.huber_loss(pred.detach(), target).requires_grad


def test_neither_inputs_nor_gradients_are_copied():
    pred, target, _ = tensors()
    transposed = pred.detach().T.requires_grad_()
    value = adapter.huber_loss(transposed, target.T)
    address = value.grad_fn.saved_tensors[0].data_ptr()
    value.backward()
    assert transposed.grad.data_ptr() == address
    assert transposed.grad.stride() == transposed.stride()
    frozen = target.numpy()
    frozen.flags.writeable = False
    value = fastloss.huber(pred.detach().numpy(), frozen)
    torch.testing.assert_close(adapter.huber_loss(pred.detach(), target).item(), value)


@pytest.mark.parametrize("name", sorted(adapter.MODULES))
def test_each_loss_has_a_module_of_its_value_and_gradient(name):
    module = getattr(adapter, name)()
    pred, target, weight = tensors(torch.float64, (5, 3))
    if "pred" in module.loss.operands:
        pred = pred.detach().abs().requires_grad_()
    if "target" in module.loss.operands:
        target = torch.ones_like(target)
    mask = weight > 0.3
    value = module(pred, target, weight=weight, where=mask)
    value.backward()
    arrays = [x.detach().numpy() for x in (pred, target, weight, mask)]
    expected, slope = module.loss.value_and_grad(*arrays[:2], weight=arrays[2], where=arrays[3])
    assert value.item() == expected
    np.testing.assert_array_equal(pred.grad, slope)
    assert module.loss.name in repr(module)


def test_modules_are_copied_pickled_and_moved_with_their_parameters():
    pred, target, _ = tensors()
    module = Huber(delta=torch.arange(1.0, ELEMENTS[1] + 1), reduction="sum")
    value = module(pred, target)
    for other in copy.deepcopy(module), pickle.loads(pickle.dumps(module)):
        assert torch.equal(other(pred, target), value)
    assert module.state_dict().keys() == {"delta"}
    assert module.double().delta.dtype == torch.float64


def test_a_loss_of_ones_own_and_another_of_its_name():
    def times(factor):
        @fastloss.loss
        def huber(pred, target):
            return factor * pred, factor, 0.0

        return huber

    losses = [Loss(times(factor), reduction="sum") for factor in (2.0, 3.0)]
    pred, target, _ = tensors(shape=(4,))
    for loss, factor in zip(losses, (2.0, 3.0), strict=True):
        assert outcome(loss, pred, target)[1].tolist() == [factor] * 4
        assert outcome(torch.compile(loss, fullgraph=True), pred, target)[1].tolist() == [factor] * 4


def test_a_graph_has_no_break_and_the_same_numbers():
    pred, target, weight = tensors()
    module = Huber(delta=torch.arange(1.0, ELEMENTS[1] + 1), reduction="none")

    def each(pred, target):
        return module(2 * pred, target, weight=weight), adapter.smooth_l1_loss(pred, target, beta=0.5)

    def both(pred, target):
        losses, mean = each(pred, target)
        return losses.sum() + mean

    # The result of a compiled sum in PyTorch depends on the width of the processor's vectors.
    compiled = torch.compile(both, fullgraph=True)
    for ours, theirs in zip(outcome(compiled, pred, target), outcome(both, pred, target), strict=True):
        torch.testing.assert_close(ours, theirs)
    with torch.no_grad():
        found = torch.compile(each, fullgraph=True)(pred, target)
        assert all(map(torch.equal, found, each(pred, target)))


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_the_node_of_a_graph_is_one_that_pytorch_accepts(reduction):
    pred, target, weight = tensors(shape=(4, 6))
    call = "huber", reduction, "delta,weight", [2.0], [weight]
    for first in (pred.detach(), pred.detach().T.contiguous().T, pred.detach()[:, ::2].expand(4, 3)):
        second = target[:, : first.shape[1]]
        third = [weight[:, : first.shape[1]]]
        for with_grad in (False, True):
            torch.library.opcheck(torch.ops.fastloss.evaluate, (first, second, *call[:-1], third, with_grad))


REFUSED = {
    "another shape": (
        lambda p, t: adapter.huber_loss(p, t[:1]),
        ValueError,
        "target must have input's shape",
    ),
    "a weight of another shape": (
        lambda p, t: adapter.mse_loss(p, t, weight=t[:1]),
        ValueError,
        r"weight must have input's shape \(3, 1000\), got \(1, 1000\)",
    ),
    "size_average": (lambda p, t: adapter.l1_loss(p, t, True), ValueError, "size_average is not supported"),
    "pos_weight": (
        lambda p, t: adapter.binary_cross_entropy_with_logits(p, t, pos_weight=t),
        ValueError,
        "pos_weight is not supported",
    ),
    "log_input": (
        lambda p, t: adapter.poisson_nll_loss(p, t, log_input=False),
        ValueError,
        'Loss("poisson")',
    ),
    "full": (lambda p, t: adapter.poisson_nll_loss(p, t, full=True), ValueError, "full is not supported"),
    "an array": (lambda p, t: adapter.mse_loss(p, t.numpy()), TypeError, "pred and target must be tensors"),
    "a list": (lambda p, t: adapter.mse_loss([p], [t]), TypeError, "pred and target must be tensors"),
    "integers": (
        lambda p, t: adapter.mse_loss(p.int(), t),
        TypeError,
        "floating-point type, got torch.int32",
    ),
    "a learnt weight": (lambda p, t: adapter.mse_loss(p, t, weight=p), TypeError, "weight requires grad"),
    "a learnt beta": (lambda p, t: adapter.smooth_l1_loss(p, t, beta=p), TypeError, "beta requires grad"),
    "a number as weight": (
        lambda p, t: adapter.huber_loss(p, t, weight=2.0),
        TypeError,
        "huber: weight must be a tensor, got <class 'float'>",
    ),
    "an array as weight": (
        lambda p, t: adapter.mse_loss(p, t, weight=np.ones(3)),
        TypeError,
        "squared_error: weight must be a tensor, got <class 'numpy.ndarray'>",
    ),
    "an option as parameter": (
        lambda p, t: Huber(weight=1.0),
        TypeError,
        "huber: unknown parameter 'weight', expected delta",
    ),
    "a learnt target": (
        lambda p, t: adapter.poisson_nll_loss(p, t.requires_grad_()),
        TypeError,
        "target requires grad, but its gradient is known for losses of pred - target only",
    ),
    "a reduction": (
        lambda p, t: adapter.mse_loss(p, t, reduction="avg"),
        ValueError,
        "reduction must be 'mean'",
    ),
    "a beta": (
        lambda p, t: adapter.smooth_l1_loss(p, t, beta=-1.0),
        ValueError,
        "beta must be a finite number >= 0",
    ),
    "a parameter": (
        lambda p, t: Huber(beta=1.0),
        TypeError,
        "huber: unknown parameter 'beta', expected delta",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case):
    call, error, message = REFUSED[case]
    pred, target, _ = tensors()
    with pytest.raises(
        error, match=message.replace("(p", r"\(p").replace('("', r'\("').replace('")', r'"\)')
    ):
        call(pred, target)


@pytest.mark.parametrize("name", ["pred", "target", "weight", "delta", "normalizer"])
@pytest.mark.parametrize("said", ["requires grad", "BFloat16"])
def test_a_tensor_that_numpy_does_not_read_is_named(said, name):
    tensor = torch.tensor(2.0).bfloat16() if said == "BFloat16" else torch.tensor(2.0, requires_grad=True)
    given = {"pred": 1.0, "target": 0.0} | {name: tensor}
    with pytest.raises(
        TypeError, match=f"huber: {name} must be an array that NumPy can read, got Tensor: .*{said}"
    ):
        fastloss.huber(**given)


def test_training_takes_the_steps_that_pytorchs_loss_takes():
    with np.load(FLIGHTS) as flights:
        delays = (
            torch.tensor(flights["dep"][:4096, None]),
            torch.tensor(flights["arr"][:4096, None]),
        )
    x, y = (delay.float() / 60 for delay in delays)  # in hours

    def losses(loss):
        torch.manual_seed(3)
        network = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 1))
        optimizer = torch.optim.SGD(network.parameters(), lr=0.05)
        for _ in range(200):
            optimizer.zero_grad()
            value = loss(network(x), y)
            value.backward()
            optimizer.step()
            yield value.item()

    ours, theirs = list(losses(Huber(delta=0.5))), list(losses(nn.HuberLoss(delta=0.5)))
    assert ours[-1] < 0.6 * ours[0]
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


@pytest.mark.filterwarnings("ignore:.* the mean over:RuntimeWarning")
@pytest.mark.parametrize("name", ["huber_loss", "mse_loss", "binary_cross_entropy_with_logits"])
def test_the_weighted_mean_of_nothing_is_nan_as_in_pytorch(name):
    pred, target, weight = torch.zeros((3, 0))
    for library in (adapter, torch.nn.functional):
        assert torch.isnan(getattr(library, name)(pred, target, weight=weight))
