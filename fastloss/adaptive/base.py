"""The common part of the losses whose threshold adapts to the batches seen."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from math import nan
from numbers import Integral, Real
from typing import Any

import numpy as np

from fastloss._cuda.libraries import is_device_array
from fastloss.losses.robust.smooth_l1 import smooth_l1

Array = np.ndarray[Any, Any]


class Adaptive(ABC):
    """Smooth L1 whose beta follows the errors: each call is a step of its state, unless `update` is False."""

    @property
    @abstractmethod
    def beta(self) -> Any:
        """The current threshold."""

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Return the state as numbers and lists of numbers, for ``json.dump`` or ``numpy.savez``."""

    @abstractmethod
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a state that `state_dict` returned."""

    @abstractmethod
    def _step(self, call: str, pred: Any, target: Any, **options: Any) -> Any:
        """Evaluate one of the calls, and advance the state."""

    def __call__(self, pred: Any, target: Any, **options: Any) -> Any:
        """Return the value; see `value_and_grad`."""
        return self._step("__call__", pred, target, **options)

    def grad(self, pred: Any, target: Any, **options: Any) -> Any:
        """Return the gradient alone, in a step like that of `value_and_grad`.

        Parameters
        ----------
        pred, target : array_like
            As for `value_and_grad`.
        **options
            The keywords of `value_and_grad`.

        Returns
        -------
        ndarray
            The gradient.
        """
        return self._step("grad", pred, target, **options)

    def _compute(self, call: str, beta: Any, pred: Any, target: Any, options: dict[str, Any]) -> Any:
        if "beta" in options:
            raise TypeError(f"{self._name}: beta is what this loss adapts; smooth_l1 takes a fixed one")
        return getattr(smooth_l1, call)(pred, target, beta=beta, **options)

    @property
    def _name(self) -> str:
        return type(self).__name__

    def _refuse_device(self, hint: str, *arrays: Any) -> None:
        if any(is_device_array(x) for x in arrays):
            raise TypeError(f"{self._name}: statistics need NumPy arrays, got one on a CUDA device: {hint}")

    def _number(self, name: str, value: Any, low: float, high: float) -> float:
        """Return a number as a float if it is between two bounds, both included."""
        if not isinstance(value, Real) or not low <= float(value) <= high:
            raise ValueError(f"{self._name}: {name} must be a number from {low:g} to {high:g}, got {value!r}")
        return float(value)

    def _count(self, name: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
            raise ValueError(f"{self._name}: {name} must be an integer >= 1, got {value!r}")
        return int(value)

    def _state(self, state: Mapping[str, Any], lengths: dict[str, int | None]) -> dict[str, list[float]]:
        """Return the entries of a state as lists of floats, of the expected lengths if those are known."""
        if not isinstance(state, Mapping):
            raise TypeError(f"{self._name}: a state must be a mapping, got {state!r}")
        if set(state) != set(lengths):
            got = ", ".join(map(str, state)) or "nothing"
            raise ValueError(f"{self._name}: a state must hold {', '.join(lengths)}, got {got}")
        found: dict[str, list[float]] = {}
        for name, length in lengths.items():
            try:
                numbers = np.atleast_1d(np.asarray(state[name], np.float64))
            except (TypeError, ValueError):
                numbers = np.array([nan])
            fits = numbers.ndim == 1 and not np.isnan(numbers).any()
            if not fits or (length is not None and numbers.size != length):
                expected = {None: "numbers", 1: "a number"}.get(length, f"{length} numbers")
                raise ValueError(f"{self._name}: {name} of a state must be {expected}, got {state[name]!r}")
            found[name] = numbers.tolist()
        return found
