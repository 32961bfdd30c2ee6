"""Calls of PyTorch and of packages on top of it, with derivatives by torch.autograd."""

import math
from functools import partial

import numpy as np

from tests.peers.call import ALL, Call, spelled

REDUCED = (*ALL, ("mean", "value"), ("sum", "value"))
SCALED = (*REDUCED[:4], ("mean", "grad"), *REDUCED[4:])


def by_autograd(function):
    """Measure the quantities of a function of tensors and a reduction."""

    def measure(pred, target, reduction):
        import torch

        pred, target = torch.tensor(pred, requires_grad=True), torch.tensor(target)
        value = function(pred, target, reduction)
        (grad,) = torch.autograd.grad(value.sum(), pred, create_graph=True)
        hess = torch.autograd.grad(grad.sum(), pred)[0] if grad.requires_grad else torch.zeros_like(grad)
        found = {"value": value, "grad": grad, "hess": hess}
        return {quantity: result.numpy(force=True) for quantity, result in found.items()}

    return measure


def of_errors(function):
    """Measure a function of the error alone, without a reduction."""
    return by_autograd(lambda pred, target, _: function(pred - target))


def functional(name, **keywords):
    def function(pred, target, reduction):
        import torch

        return getattr(torch.nn.functional, name)(pred, target, reduction=reduction, **keywords)

    return by_autograd(function)


def on_threshold(threshold):
    return lambda pred, target: abs(pred - target) == threshold


def old():
    """Yield the calls for the first losses of fastloss."""
    yield Call("torch", "l1_loss", "absolute_error", {}, "errors", functional("l1_loss"), SCALED)
    yield Call("torch", "mse_loss", "squared_error", {}, "errors", functional("mse_loss"), SCALED)
    for name, loss, parameter, choices in (
        ("smooth_l1_loss", "smooth_l1", "beta", (0.0, 1 / 9, 0.5, 1.0, 2.0)),
        ("huber_loss", "huber", "delta", (0.5, 1.0, 1.345, 2.0)),
    ):
        for choice in choices:
            params = {parameter: choice}
            unlike = {"hess": on_threshold(choice)} if choice else {}
            measure = functional(name, **params)
            yield Call(
                "torch", spelled(name, **params), loss, params, "errors", measure, SCALED, unlike=unlike
            )


def kl_div(pred, target, reduction):
    import torch

    return torch.nn.functional.kl_div(pred.log(), target, reduction=reduction)


def new():
    bce = functional("binary_cross_entropy_with_logits")
    name = "binary_cross_entropy_with_logits"
    for inputs in ("shares", "labels"):
        yield Call("torch", f"{name}, {inputs}", "binary_cross_entropy", {}, inputs, bce, REDUCED)
    nll = functional("poisson_nll_loss", log_input=True)
    yield Call("torch", "poisson_nll_loss(log_input=True)", "poisson_nll", {}, "log_means", nll, REDUCED)
    nll = functional("poisson_nll_loss", log_input=False, eps=0.0)
    yield Call("torch", "poisson_nll_loss(log_input=False, eps=0)", "poisson", {}, "counts", nll, REDUCED)
    wanted = (*ALL, ("sum", "value"))
    measure = by_autograd(kl_div)
    yield Call("torch", "kl_div(pred.log(), target)", "kl_divergence", {}, "probabilities", measure, wanted)


def focal_module():
    """Import torchvision.ops. Its published build is for CUDA: declare operators that cannot be loaded."""
    import torch

    try:
        import torchvision
    except RuntimeError:
        library = torch.library.Library("torchvision", "FRAGMENT")
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        import torchvision
    return torchvision.ops


def torchvision_calls():
    for alpha, gamma in ((0.25, 2.0), (0.75, 0.0), (0.5, 1.5)):
        params = {"alpha": alpha, "gamma": gamma}

        def focal(pred, target, reduction, params=params):
            return focal_module().sigmoid_focal_loss(pred, target, reduction=reduction, **params)

        name = spelled("ops.sigmoid_focal_loss", **params)
        yield Call("torchvision", name, "sigmoid_focal", params, "labels", by_autograd(focal), REDUCED)


def kornia_loss(name, unit, factor, pred, target, _):
    """Divide operands by a unit, because kornia's robust losses have no scale."""
    import kornia

    return factor * getattr(kornia.losses, name)(pred / unit, target / unit)


KORNIA = {  # Barron's shapes: the loss of fastloss, its scale in kornia's units, Barron's alpha
    "charbonnier_loss": ("pseudo_huber", 1.0, 1.0),
    "cauchy_loss": ("cauchy", math.sqrt(2), 0.0),
    "geman_mcclure_loss": ("geman_mcclure", 2.0, -2.0),
    "welsch_loss": ("welsch", math.sqrt(2), -math.inf),
}


def kornia_calls():
    for name, (loss, scale, alpha) in KORNIA.items():
        for unit in (1.0, 4.0):
            parameter = "delta" if loss == "pseudo_huber" else "scale"
            for of, params, factor in (
                (loss, {parameter: unit * scale}, unit**2),
                ("general_robust", {"alpha": alpha, "scale": unit}, 1.0),
            ):
                # 1 is added before the root or logarithm; autograd differentiates a quotient in two parts.
                terms = {
                    "grad": lambda p, t, unit=unit, factor=factor: (
                        factor * abs(p - t) / (unit**2 + (p - t) ** 2)
                    ),
                    "value": lambda p, t, unit=unit, factor=factor: factor * (1 + abs(p - t) / unit),
                    "hess": lambda p, t, unit=unit, factor=factor: np.full(p.shape, factor / unit**2),
                }
                measure = by_autograd(partial(kornia_loss, name, unit, factor))
                called = f"{name}, in units of {unit:g}"
                yield Call("kornia", called, of, params, "residuals", measure, terms=terms)


def wing_loss(params, pred, target, reduction):
    focal_module()  # this package imports torchvision
    from pytorch_toolbelt.losses.functional import wing_loss

    return wing_loss(pred, target, params["width"], params["epsilon"], reduction)


def toolbelt_calls():
    for width, epsilon in ((10.0, 2.0), (5.0, 0.5)):
        params = {"width": width, "epsilon": epsilon}
        terms = {"value": lambda p, t, width=width: width * (1 + abs(p - t))}  # of 1 + e and abs(e) - C
        measure = by_autograd(partial(wing_loss, params))
        name = spelled("wing_loss", width=width, curvature=epsilon)
        unlike = {"grad": on_threshold(width), "hess": lambda p, t, w=width: (p == t) | (abs(p - t) == w)}
        yield Call(
            "pytorch_toolbelt",
            name,
            "wing",
            params,
            "residuals",
            measure,
            REDUCED,
            unlike=unlike,
            terms=terms,
        )


def quantile_huber_loss(tau, delta, pred, target, _):
    """Use units of delta, because the threshold is 1, and take the mean of each element alone."""
    from sb3_contrib.common.utils import quantile_huber_loss
    from torch import stack, tensor

    pairs = zip(pred / delta, target / delta, strict=True)
    cum_prob = tensor([tau], dtype=pred.dtype)  # the function subtracts it from float32
    return delta * stack([quantile_huber_loss(p.view(1, 1), t.view(1, 1), cum_prob) for p, t in pairs])


def stable_baselines_calls():
    for tau, delta in ((0.25, 1.0), (0.9, 2.0)):
        params = {"tau": tau, "delta": delta}
        measure = by_autograd(partial(quantile_huber_loss, tau, delta))
        name = f"common.utils.quantile_huber_loss(cum_prob={tau}), in units of {delta:g}"
        unlike = {"hess": on_threshold(delta)}
        yield Call(
            "sb3_contrib", name, "quantile_huber", params, "residuals", measure, unlike=unlike, most=200
        )


def lossfun(alpha, scale):
    """robust_loss_pytorch.general.lossfun, as published, except at the limits of alpha."""

    def function(error):
        beta = abs(alpha - 2)
        return beta / alpha * (((error / scale) ** 2 / beta + 1) ** (alpha / 2) - 1)

    return function


def balanced_l1(alpha, gamma):
    """mmdetection's balanced_l1_loss, as published, at beta = 1."""

    def function(error):
        import torch

        b = math.exp(gamma / alpha) - 1
        size = error.abs()
        inner = alpha / b * (b * size + 1) * torch.log(b * size + 1) - alpha * size
        return torch.where(size < 1, inner, gamma * size + gamma / b - alpha)

    return function


def in_units(unit, function):
    return lambda error: unit * function(error / unit)


def published():
    """Yield formulas of packages that no registry has, or that have to be built first."""
    for alpha, scale in ((0.5, 1.0), (1.5, 2.0), (-1.0, 2.0), (-4.0, 0.5)):
        params = {"alpha": alpha, "scale": scale}
        beta = abs(alpha - 2)

        def terms(p, t, alpha=alpha, scale=scale, beta=beta):
            return beta / abs(alpha) * (1 + (((p - t) / scale) ** 2 / beta + 1) ** (alpha / 2))

        name = spelled("robust_loss_pytorch.general.lossfun", **params)
        measure = of_errors(lossfun(alpha, scale))
        yield Call("published", name, "general_robust", params, "residuals", measure, terms={"value": terms})
    for alpha, gamma, beta in ((0.5, 1.5, 1.0), (0.75, 1.0, 2.0)):
        params = {"alpha": alpha, "gamma": gamma, "beta": beta}
        terms = {  # 1 is added within the logarithm, and a multiple of the error is subtracted
            "value": lambda p, t, a=alpha, g=gamma, b=beta: (a + g) * (b + abs(p - t)),
            "grad": lambda p, t, a=alpha: np.full(p.shape, a),
        }
        unlike = {"hess": lambda p, t, b=beta: (p == t) | (abs(p - t) == b)}
        name = f"mmdet.{spelled('balanced_l1_loss', alpha=alpha, gamma=gamma)}, in units of {beta:g}"
        measure = of_errors(in_units(beta, balanced_l1(alpha, gamma)))
        yield Call("published", name, "balanced_l1", params, "residuals", measure, unlike=unlike, terms=terms)


OLD = [*old(), *(call.in_float32() for call in old())]
NEW = [
    *new(),
    *torchvision_calls(),
    *kornia_calls(),
    *toolbelt_calls(),
    *stable_baselines_calls(),
    *published(),
]
