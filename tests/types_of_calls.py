"""What type checkers infer for calls, checked by ``mypy tests/types_of_calls.py`` and ``basedpyright``.

If one of them no longer sees a mistake, its ``type: ignore`` is unused, which is an error itself.
"""

from typing import Any, assert_type

import numpy as np

import fastloss
from fastloss import general_robust, huber, squared_error

Array = np.ndarray[Any, np.dtype[Any]]


class OnDevice:
    """An array of a GPU."""

    __cuda_array_interface__: dict[str, Any]


class Series:
    """A Series or DataFrame of pandas, as far as the types recognise one."""

    iloc: Any = None

    def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
        raise NotImplementedError


class Lazy:
    """An array of Dask, as far as the types recognise one."""

    def __array__(self, dtype: Any = None, **options: Any) -> Array:
        raise NotImplementedError

    def __dask_graph__(self) -> Any:
        """Its tasks."""


class Spoken:
    """An array that supports DLPack."""

    def __dlpack__(self, *, stream: Any = None) -> Any:
        """Share it."""


def results(pred: Array, target: list[float], device: OnDevice) -> None:
    """What calls return."""
    assert_type(huber(pred, target, delta=2.0), float)
    assert_type(huber(pred, target, reduction="none"), Array)
    assert_type(huber.grad(pred, target, reduction="sum", weight=pred, where=True), Array)
    assert_type(huber.value_and_grad(pred=pred, target=target, grad_out=pred), tuple[float, Array])
    assert_type(huber.value_grad_hess(pred, target, reduction="none"), tuple[Array, Array, Array])
    assert_type(squared_error.grad_and_hess(pred, target, normalizer=3), tuple[Array, Array])
    assert_type(general_robust.irls_weights(pred, target, alpha=-2.0, scale=pred), Array)
    assert_type(huber.value_and_grad(0.5, 0.0), tuple[float, float])
    assert_type(huber.grad(device, pred, stream=1, grad_out=device), Any)
    assert_type(fastloss.get("mse"), fastloss.Loss)
    assert_type(fastloss.check_loss(huber), list[str])


def results_of_other_libraries(pred: Array, series: Series, spoken: Spoken) -> None:
    """What calls return for arrays that are not NumPy's."""
    assert_type(huber(series, series, delta=series, weight=spoken), float)
    assert_type(huber(series, pred, reduction="none"), Series)
    assert_type(huber.grad(series, spoken, where=series), Series)
    assert_type(huber.grad(series, pred, grad_out=pred), Array)
    assert_type(huber.value_and_grad(series, 0.0), tuple[float, Series])
    assert_type(huber.value_grad_hess(series, series, reduction="none"), tuple[Series, Series, Series])
    assert_type(huber.irls_weights(series, series), Series)
    assert_type(huber.grad(pred, series, weight=series, where=spoken), Array)
    assert_type(huber.grad(spoken, pred, grad_out=spoken), Any)


def lazy_results(pred: Array, lazy: Lazy) -> None:
    """What calls return for arrays of Dask."""
    assert_type(huber(lazy, lazy, delta=lazy, normalizer=lazy), Lazy)
    assert_type(huber.value_and_grad(lazy, pred, weight=lazy, where=lazy), tuple[Lazy, Lazy])
    assert_type(huber.grad_and_hess(pred, lazy, reduction="sum"), tuple[Lazy, Lazy])
    assert_type(huber(lazy, 0.0, reduction="none"), Lazy)


def mistakes(pred: Array, target: Array, reduction: str) -> None:
    """What checkers refuse."""
    huber(pred, target, reduction="avg")  # type: ignore[call-overload]
    huber(pred, target, reduction=reduction)  # type: ignore[call-overload]
    huber.value_and_grad(pred, target, deltta=1.0)  # type: ignore[call-overload]
    huber.value_and_grad(pred, target, delta=None)  # type: ignore[call-overload]
    huber.grad(pred, target, loss_out=pred)  # type: ignore[call-overload]
    squared_error(pred, target, delta=1.0)  # type: ignore[call-overload]
    huber(pred)  # type: ignore[call-overload]
    print(fastloss.hubber)  # type: ignore[attr-defined]
    word: str = huber(pred, target)  # type: ignore[assignment]
    print(word)
