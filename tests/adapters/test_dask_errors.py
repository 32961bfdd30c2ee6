"""Errors of calls on Dask arrays: raised at once if types and shapes show them, otherwise by the tasks."""

import re

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest

import fastloss
from fastloss import huber
from tests.subprocesses import answer, run_python

pytestmark = pytest.mark.usefixtures("in_this_thread")

PRED, TARGET = np.random.default_rng(3).standard_cauchy((2, 7, 6))


def lazy(x):
    """Turn a NumPy array into a Dask array; return anything else as it is."""
    return da.from_array(x, chunks=3) if isinstance(x, np.ndarray) else x


AT_ONCE = {
    "a shape": {"target": TARGET[:3]},
    "a result of another shape": {"pred": PRED[:, :1]},
    "complex": {"target": TARGET.astype(complex)},
    "objects": {"target": TARGET.astype(object)},
    "text": {"weight": TARGET.astype(str)},
    "a mask of numbers": {"where": TARGET},
    "a weight's shape": {"weight": TARGET[0, :3]},
    "a parameter's shape": {"delta": TARGET[0, :3]},
    "a parameter": {"delta": -1.0},
    "a complex parameter": {"delta": TARGET[0].astype(complex)},
    "an unknown keyword": {"dleta": 1.0},
    "an unknown reduction": {"reduction": "avg"},
    "a normalizer beside a sum": {"normalizer": 2.0, "reduction": "sum"},
    "a normalizer": {"normalizer": -2.0},
    "a normalizer too small": {"normalizer": 1e-320},
}


def raised(call, given, change):
    with pytest.raises((TypeError, ValueError)) as caught:
        call(**{name: change(x) for name, x in given.items()})
    return type(caught.value), str(caught.value)


@pytest.mark.parametrize("kind", AT_ONCE)
def test_errors_that_need_no_numbers_are_those_of_arrays_and_come_at_once(kind):
    given = {"pred": PRED, "target": TARGET} | AT_ONCE[kind]
    expected = raised(huber.grad, given, lambda x: x)
    assert next(iter(AT_ONCE[kind])) in expected[1]
    assert raised(huber.grad, given, lazy) == expected


def test_lazy_numbers_of_a_wrong_type_are_refused_at_once():
    for name in "delta", "normalizer":
        with pytest.raises(
            TypeError, match=rf"huber: {name} must hold real numbers of .*, got dtype complex128"
        ):
            huber(lazy(PRED), lazy(TARGET), **{name: da.asarray(1j)})


IN_TASKS = {
    "a negative weight": {"weight": -np.ones(6)},
    "a negative weight, sum": {"weight": -np.ones((7, 6)), "reduction": "sum"},
    "a negative weight, normalizer": {"weight": -np.ones((7, 6)), "normalizer": 2.0},
    "an infinite weight": {"weight": np.full((7, 1), np.inf), "reduction": "none"},
    "a parameter": {"delta": np.zeros(6)},
    "small weights": {"weight": np.full((7, 6), 1e-322)},
}


@pytest.mark.parametrize("kind", IN_TASKS)
def test_errors_of_numbers_are_those_of_arrays_and_come_from_tasks(kind):
    given = {"pred": PRED, "target": TARGET} | IN_TASKS[kind]
    assert isinstance(huber.grad(**{name: lazy(x) for name, x in given.items()}), da.Array)
    expected = raised(huber.grad, given, lambda x: x)
    assert next(iter(IN_TASKS[kind])) in expected[1]
    assert raised(lambda **given: huber.grad(**given).compute(), given, lazy) == expected


@pytest.mark.parametrize("empty", [{"where": np.isinf(PRED)}, {"weight": np.zeros((7, 6))}])
def test_the_mean_of_nothing_is_nan_with_a_warning_from_the_task(empty):
    value, grad = huber.value_and_grad(*map(lazy, (PRED, TARGET)), **{k: lazy(x) for k, x in empty.items()})
    with pytest.warns(RuntimeWarning, match="huber: the mean over .* is NaN"):
        value, grad = dask.compute(value, grad)
    assert np.isnan(value)
    with pytest.warns(RuntimeWarning):
        _, expected = huber.value_and_grad(PRED, TARGET, **empty)
    np.testing.assert_array_equal(grad, expected)


def test_the_mean_of_empty_arrays_warns_at_once():
    with pytest.warns(RuntimeWarning, match="huber: the mean over no elements is NaN"):
        value = huber(lazy(PRED)[:0], lazy(TARGET)[:0])
    assert np.isnan(value.compute())


def test_outputs_and_streams_are_refused():
    pred, target = lazy(PRED), lazy(TARGET)
    for given in (pred, target), (PRED, TARGET):
        with pytest.raises(TypeError, match="huber: grad_out is not allowed with Dask arrays"):
            huber.grad(*given, grad_out=pred if given[0] is PRED else PRED)
    with pytest.raises(TypeError, match="huber: stream is only allowed with CUDA arrays"):
        huber.grad(pred, target, stream=1)


def test_other_collections_are_refused_with_the_way_to_an_array():
    frame = dd.from_pandas(pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [1.0, 2.0, 4.0]}), npartitions=2)
    with pytest.raises(TypeError, match=r"target is Dask's Series.*target.to_dask_array\(lengths=True\)"):
        huber(frame.a.to_dask_array(lengths=True), frame.b)
    with pytest.raises(ValueError, match=r"pred has chunks of unknown sizes: call pred.compute_chunk_sizes"):
        huber(frame.a.values, lazy(TARGET))
    columns = (frame[name].to_dask_array(lengths=True) for name in "ab")
    assert huber(*columns).compute() == huber([1.0, 2.0, 3.0], [1.0, 2.0, 4.0])
    for scalar in frame.a.max(), dask.delayed(3.0):
        with pytest.raises(TypeError, match=r"delta is Dask's .*from_delayed\(dask.delayed\(delta\)"):
            huber(lazy(PRED), lazy(TARGET), delta=scalar)
    for wrong in lazy(TARGET)[0], lazy(TARGET)[lazy(TARGET) > 0], dask.delayed(3.0):
        with pytest.raises((TypeError, ValueError), match="huber: normalizer"):
            huber(lazy(PRED), lazy(TARGET), normalizer=wrong)


class Strange:
    """An array of a library that fastloss does not support."""

    dtype, shape, ndim = np.dtype(float), (0, 0), 2


def test_blocks_of_other_types_are_refused():
    pred = lazy(PRED)
    with pytest.raises(TypeError, match=r"pred is a MaskedArray: .* where=~pred.mask"):
        huber(da.ma.masked_array(pred, pred > 0), lazy(TARGET))
    strange = da.Array(pred.dask, pred.name, pred.chunks, dtype=float, meta=pred._meta)
    strange._meta = Strange()
    with pytest.raises(TypeError, match=r"target has blocks of .*Strange, expected NumPy or CuPy arrays"):
        huber(pred, strange)


@pytest.mark.parametrize("name", ["pred", "target", "where"])
@pytest.mark.parametrize(
    ("loss", "ways"),
    [(fastloss.SelfAdjustingSmoothL1(6), ""), (fastloss.DynamicSmoothL1(), ", or errors=, or update=False")],
)
def test_steps_of_losses_that_adapt_need_numbers(loss, ways, name):
    given = {"pred": PRED, "target": TARGET, "where": PRED > 0}
    before = loss.state_dict()
    message = f"{name} is Dask's Array, which holds no numbers yet: pass {name}.compute(){ways}"
    with pytest.raises(TypeError, match=f"{re.escape(message)}$"):
        loss.value_and_grad(**given | {name: lazy(given[name])})
    assert loss.state_dict() == before


def test_dask_is_imported_by_no_other_call():
    code = """
import json, sys
import numpy as np, fastloss
fastloss.huber(np.ones(3), np.zeros(3)), fastloss.huber([1.0], 2, delta=[3.0])
print(json.dumps("dask" in sys.modules or "fastloss._dask" in sys.modules))
"""
    assert answer(run_python(code)) is False
