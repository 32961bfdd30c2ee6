"""Threads: the same bits and no crash, whatever else the threads of a host do."""

import sys

import numpy as np
import pytest

import fastloss
from fastloss._definition.drawing import drawn
from tests.hosts import SETUP, TWO, in_process
from tests.reference import assert_close, different_in_kind, elementwise
from tests.subprocesses import answer, run_python

SAME_BITS = """
import itertools
import numba
from fastloss._cpu import threads as _threads
from fastloss._definition.drawing import drawn

def bits(loss, pred, target):
    value, grad = loss.value_and_grad(pred, target, reduction="sum")
    assert type(value) is float and np.isfinite(value) and grad.dtype == pred.dtype
    return value.hex(), grad.tobytes()

def twin(threads):
    # Use the parallel kernel even with one thread.
    _launch.PARALLEL_FROM = 0
    _threads.threads = lambda: 2
    numba.set_num_threads(threads)

def serial():
    _launch.PARALLEL_FROM = 1 << 62

sizes = [1, 511, 512, 513, 16383, 16384, 16385, 5 * 16384 + 7, (1 << 18) + 3]
different = []
for loss, size in itertools.product(map(fastloss.get, NAMES), sizes):
    spread = 1.0 if loss.operands else 10.0 ** rng.integers(-9, 9, size)
    pred, target = drawn(loss, rng, size, sys.argv[1], spread)
    serial()
    wanted = bits(loss, pred, target)
    for threads in (1, 2, 3):
        twin(threads)
        if bits(loss, pred, target) != wanted:
            different.append([loss.name, size, threads])
    assert {variant.parallel for variant in loss._kernels} == {False, True}
print(json.dumps(different))
"""


@pytest.mark.usefixtures("parallel")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bits_are_the_same_serial_and_parallel_and_for_any_number_of_threads(dtype):
    code = SETUP + SAME_BITS.replace("sys.argv[1]", repr(dtype)).replace("NAMES", repr(different_in_kind()))
    assert answer(run_python(code, env={"NUMBA_NUM_THREADS": "3"})) == []


# Eight threads begin with the same first call of a loss. Each then makes 199 more in an order of its own.
# Meanwhile one thread runs a parallel Numba kernel of another package, and one multiplies matrices with BLAS.
MIXED = """
import itertools, sysconfig
import numba

ended = threading.Event()

@numba.njit(parallel=True)
def foreign(x):
    total = 0.0
    for i in numba.prange(x.size):
        total += x[i]
    return total

def made(layout, size):
    plain = rng.standard_cauchy(4 * size)
    if layout == "matrix":
        return plain.reshape(2, -1).T[:, ::-1]
    steps = {"plain": np.s_[:size], "strided": np.s_[::4], "reversed": np.s_[size - 1 :: -1]}
    return plain[steps.get(layout, np.s_[:size])].astype(">f8" if layout == "swapped" else float, copy=False)

layouts = "plain", "strided", "reversed", "matrix", "swapped"
cases = [
    (fastloss.get(name), made(layout, size), made(layout, size))
    for size, layout, name in itertools.product((1, 7, 513, 5000, (1 << 15) + 3), layouts, NAMES)
]

def answer(case):
    loss, pred, target = case
    value, grad = loss.value_and_grad(pred, target)
    return value.hex(), grad.tobytes()

def work(k):
    order = [0, *np.random.default_rng(k).choice(len(cases), 199)]
    together.wait()
    found.append([(i, answer(cases[i])) for i in order])

def until_ended(function, *arguments):
    turns = 0
    while not ended.is_set():
        function(*arguments)
        turns += 1
    others.append(turns)

found, others, together = [], [], threading.Barrier(8)
square = rng.random((300, 300))
foreign(square[0])
beside = [
    threading.Thread(target=until_ended, args=(foreign, square.ravel())),
    threading.Thread(target=until_ended, args=(np.matmul, square, square)),
]
workers = [threading.Thread(target=work, args=(k,)) for k in range(8)]
for worker in beside + workers:
    worker.start()
for worker in workers:
    worker.join()
ended.set()
for worker in beside:
    worker.join()
is_free = not getattr(sys, "_is_gil_enabled", lambda: True)()
assert is_free == bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
parallel = went_parallel()
_launch.PARALLEL_FROM = 1 << 62
wanted = {i: answer(cases[i]) for i in {i for each in found for i, _ in each}}
wrong = [i for each in found for i, bits in each if bits != wanted[i]]
print(json.dumps([sum(map(len, found)), wrong, min(others) > 0, numba.threading_layer(), parallel]))
"""


# With workqueue, parallel launches from two threads at once would abort the process.
@pytest.mark.parametrize(("layer", "in_parallel"), [("workqueue", False), ("omp", True), ("tbb", True)])
def test_eight_threads_compute_at_once_beside_numba_and_blas(layer, in_parallel):
    names = ["huber", "expectile", "half_squared_error"]
    # Neither the loader nor Numba looks where pip puts TBB.
    env = {"NUMBA_THREADING_LAYER": layer, "LD_LIBRARY_PATH": f"{sys.prefix}/lib"}
    result = run_python(f"{SETUP}NAMES = {names}\n{MIXED}", env=TWO | env)
    if "No threading layer could be loaded" in result.stderr:
        pytest.skip(f"Numba can't load the layer {layer} here")
    assert answer(result) == [1600, [], True, layer, in_parallel]


@pytest.mark.usefixtures("parallel")
def test_one_numba_thread_asks_for_the_serial_kernel():
    code = """
import numba
numba.set_num_threads(1)
same = computed() == expected()
before = went_parallel()
numba.set_num_threads(2)
print(json.dumps([same, before, computed() == expected(), went_parallel()]))
"""
    assert in_process(code) == [True, False, True, True]


# The function that threadpoolctl calls, and the variable that hosts set.
ONE_BY_A_CALL = """
import ctypes, numba.np.ufunc.omppool as omp
ctypes.CDLL(omp.__file__).omp_set_num_threads(1)
"""
ONE_BY_THE_ENVIRONMENT = "os.environ['OMP_NUM_THREADS'] = '1'; del os.environ['NUMBA_NUM_THREADS']"


@pytest.mark.parametrize("limit", [ONE_BY_A_CALL, ONE_BY_THE_ENVIRONMENT], ids=["call", "environment"])
def test_one_openmp_thread_asks_for_the_serial_kernel(limit):
    code = f"""
from fastloss._cpu import threads
counts = [threads.threads()]
{limit}
counts.append(threads.threads())
print(json.dumps([counts, computed() == expected(), went_parallel()]))
"""
    result = run_python(SETUP + code, env=TWO | {"NUMBA_THREADING_LAYER": "omp"})
    if "omppool" in result.stderr:
        pytest.skip("Numba can't load the layer omp here")
    assert answer(result) == [[2, 1], True, False]


def test_a_layer_that_cannot_be_loaded_means_serial_kernels():
    code = """
sys.modules["numba.np.ufunc.tbbpool"] = None  # as if TBB were not installed
print(json.dumps([computed() == expected(), went_parallel()]))
"""
    assert in_process(code, NUMBA_THREADING_LAYER="tbb") == [True, False]


FIRST_CALLS = """
import time
from fastloss._definition.drawing import drawn
from numba.core.registry import cpu_target

losses, results, together = list(map(fastloss.get, NAMES)), [], threading.Barrier(8)
context, inside, most = cpu_target.typing_context, set(), []
refresh = context.refresh

def slow_refresh():
    # Numba's own method, which sometimes fails if two threads are in it.
    inside.add(threading.get_ident())
    most.append(len(inside))
    time.sleep(0.001)
    try:
        refresh()
    finally:
        inside.discard(threading.get_ident())

def work(first):
    together.wait()
    for k in range(2):
        loss = losses[(first + k) % len(losses)]
        try:
            results.append((loss.name, loss(*drawn(loss, np.random.default_rng(0), 1, "f8"))))
        except Exception as error:
            results.append((loss.name, repr(error)))

context.refresh = slow_refresh
workers = [threading.Thread(target=work, args=(k,)) for k in range(8)]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
assert len(results) == 16
print(json.dumps([dict(results), len(set(results)), max(most)]))
"""


def test_first_calls_of_several_threads_at_once_compile_in_turn():
    names, values = different_in_kind(), {}
    for name in names:
        loss = fastloss.get(name)
        defaults = {parameter: domain.default for parameter, domain in loss.domains.items()}
        operands = drawn(loss, np.random.default_rng(0), 1, np.float64)
        (values[name],), _, _ = elementwise(name, *operands, defaults)
    found, different, at_once = in_process(f"NAMES = {names}\n{FIRST_CALLS}")
    assert found.keys() == values.keys()
    for name, value in values.items():
        assert_close(found[name], value, np.float64)
    assert (different, at_once) == (len(values), 1)


def test_only_large_calls_use_several_threads():
    code = """
for size, parallel in (((1 << 21) - 1, False), (1 << 21, True)):  # 2^22 divided by two threads
    fastloss.huber(np.zeros(size, np.float32), np.zeros(size, np.float32))
    assert went_parallel() == parallel, size
print(json.dumps("right"))
"""
    assert answer(run_python(SETUP.replace("_launch.PARALLEL_FROM = 1 << 15", "") + code, env=TWO)) == "right"


def test_a_serial_warmup_starts_no_threads():
    code = """
fastloss.warmup("huber", calls=["value_and_grad"], dtypes=["float64"], parallel=False)
print(json.dumps([len(fastloss.huber._kernels), went_parallel(), fastloss._cpu.threads._layer()]))
"""
    assert in_process(code) == [1, False, None]


def test_a_call_lets_other_python_threads_run():
    code = """
import time
pred, target = np.zeros((2, (1 << 22) - 1))
_launch.PARALLEL_FROM = 1 << 62
computed()

def longest_silence():
    # The longest pause of this thread while another one computes, as a share of that time.
    worker = threading.Thread(target=lambda: [computed() for _ in range(3)])
    worker.start()
    start = last = time.perf_counter()
    longest = 0.0
    while worker.is_alive():
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    return longest / (last - start) if last > start else 1.0

def computed():
    fastloss.huber(pred, target)

print(json.dumps(min(longest_silence() for _ in range(20))))
"""
    assert in_process(code) < 0.2  # a third and more if a call held the lock
