"""Smooth L1 with a threshold for each feature, from running statistics of the errors (RetinaMask)."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from fastloss._compile import uninterrupted
from fastloss._rules import arrays
from fastloss.adaptive.base import Adaptive, Array


class SelfAdjustingSmoothL1(Adaptive):
    """Smooth L1 with a beta for each feature: the running mean of its errors minus their variance.

    Every step with at least two rows moves the running mean and variance of ``abs(pred - target)`` of each
    feature by `momentum` towards those of the batch. The beta of the same step is
    ``clip(mean - variance, beta_min, beta_max)``.

    Parameters
    ----------
    num_features : int
        The length of the last axis of `pred`. The axes before it are rows.
    beta_max : float, default 1/9
        The initial and greatest beta; >= `beta_min`.
    beta_min : float, default 1e-3
        The smallest beta; >= 0.
    momentum : float, default 0.1
        The weight of a batch in the running statistics: 0 never changes them, 1 keeps only the last batch.

    Notes
    -----
    As in the published code, a batch is skipped for all features if the variance of any feature is NaN, that
    is, if an error is NaN or infinite, or if a feature has fewer than two elements. The variance is unbiased.
    Elements that `where` leaves out do not count. Weights do not affect the statistics.

    References
    ----------
    C.-Y. Fu, M. Shvets, A. C. Berg, "RetinaMask: Learning to predict masks improves state-of-the-art
    single-shot detection for free", arXiv:1901.03353, section 3.2.

    Examples
    --------
    >>> import numpy as np, fastloss
    >>> loss = fastloss.SelfAdjustingSmoothL1(num_features=2, beta_max=1.0)
    >>> pred = np.array([[0.5, 2.0], [0.25, 4.0], [0.5, 3.0]])
    >>> value, grad = loss.value_and_grad(pred, 0.0)
    >>> round(value, 4), loss.beta.round(4)
    (1.2999, array([0.9396, 1.    ]))
    """

    def __init__(
        self, num_features: int, beta_max: float = 1 / 9, beta_min: float = 1e-3, momentum: float = 0.1
    ) -> None:
        self.num_features = self._count("num_features", num_features)
        most = float(np.finfo(np.float64).max)
        self.beta_min = self._number("beta_min", beta_min, 0, most)
        self.beta_max = self._number("beta_max", beta_max, self.beta_min, most)
        self.momentum = self._number("momentum", momentum, 0, 1)
        self._mean = np.full(self.num_features, self.beta_max)
        self._variance = np.zeros(self.num_features)

    @property
    def beta(self) -> Array:
        """The threshold of each feature, as of the last step."""
        return self._beta_of(self._mean, self._variance)

    def _beta_of(self, mean: Array, variance: Array) -> Array:
        return np.asarray((mean - variance).clip(self.beta_min, self.beta_max))

    def value_and_grad(self, pred: Any, target: Any, **options: Any) -> Any:
        """Update the statistics, and return the value and the gradient with the new beta.

        Parameters
        ----------
        pred, target : array_like of shape (..., num_features)
            Predictions and targets as for every loss, on the host.
        update : bool, default True
            Whether the call is a step. If False, the statistics do not change, as in evaluation.
        **options
            The keywords of every loss, such as `weight`, `where`, `reduction`, `normalizer` and outputs.

        Returns
        -------
        value, grad
            As `fastloss.smooth_l1.value_and_grad` with this beta.
        """
        return self._step("value_and_grad", pred, target, **options)

    def _step(self, call: str, pred: Any, target: Any, *, update: bool = True, **options: Any) -> Any:
        where = options.get("where")
        self._refuse_device("copy it to the host", pred, target, where)
        preds, targets, _, kept, dtype = arrays.operands(self._name, pred, target, None, where)
        if preds.shape[-1:] != (self.num_features,):
            raise ValueError(
                f"{self._name}: pred must have shape (..., num_features={self.num_features}), "
                f"got {preds.shape}"
            )
        mean, variance = self._moved(preds, targets, kept, dtype) if update else (self._mean, self._variance)
        beta = self._beta_of(mean, variance).astype(dtype)
        result = self._compute(call, beta, pred, target, options)
        self._mean, self._variance = mean, variance
        return result

    def _moved(
        self, pred: Array, target: Array, where: Array | None, dtype: np.dtype[Any]
    ) -> tuple[Array, Array]:
        """The running mean and variance after a batch."""
        uninterrupted.load("fastloss.adaptive.moments")
        from fastloss.adaptive.moments import moments  # loads Numba's compiler

        target = np.broadcast_to(target, pred.shape)
        where = None if where is None else np.broadcast_to(where, pred.shape)
        mean, variance = moments(pred, target, where, dtype)
        if np.isnan(variance).any():
            return self._mean, self._variance
        kept = 1 - self.momentum
        return kept * self._mean + self.momentum * mean, kept * self._variance + self.momentum * variance

    def state_dict(self) -> dict[str, Any]:
        """Return the state, for ``json.dump`` or ``numpy.savez``.

        Returns
        -------
        dict
            Numbers and lists of numbers by their names.
        """
        return {"running_mean": self._mean.tolist(), "running_var": self._variance.tolist()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a state, bit for bit.

        Parameters
        ----------
        state : mapping
            What `state_dict` returned.
        """
        found = self._state(state, {"running_mean": self.num_features, "running_var": self.num_features})
        self._mean, self._variance = (np.array(found[name]) for name in ("running_mean", "running_var"))
