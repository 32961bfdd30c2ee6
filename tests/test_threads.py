"""Threads and forked processes: whatever a host does with them, the same bits and no harm."""

import sys

import numpy as np
import pytest

import fastloss
from fastloss._definition.drawing import drawn
from tests.reference import assert_close, different_in_kind, elementwise
from tests.subprocesses import answer, run_python

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")

# Two threads, also where there is one processor. Lower than its own, the threshold keeps tests quick.
TWO = {"NUMBA_NUM_THREADS": "2"}
SETUP = """
import json, os, signal, sys, threading
import numpy as np
import fastloss
from fastloss._cpu import launch as _launch

_launch.PARALLEL_FROM = 1 << 15
rng = np.random.default_rng(0)
pred, target = rng.standard_cauchy((2, (1 << 15) + 3))

def went_parallel():
    return any(variant.parallel for variant in fastloss.huber._kernels)

def computed():
    # All outputs, into a memory that would tell if nothing were written.
    grad = np.full(pred.size, 7.0, pred.dtype)
    value, _ = fastloss.huber.value_and_grad(pred, target, delta=2.0, grad_out=grad)
    return value.hex() + grad.tobytes().hex()

def expected():
    threshold, _launch.PARALLEL_FROM = _launch.PARALLEL_FROM, 1 << 62
    try:
        return computed()
    finally:
        _launch.PARALLEL_FROM = threshold
"""


def in_process(code, **env):
    return answer(run_python(SETUP + code, env=TWO | env))


@pytest.fixture(scope="module")
def parallel():
    """For tests in which fastloss must start threads."""
    code = "import json, numba; numba.get_num_threads(); print(json.dumps(numba.threading_layer()))"
    if answer(run_python(code)) == "workqueue":
        pytest.skip("Numba has only the layer workqueue here, on which fastloss runs serial kernels")


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
    # The parallel kernel even with one thread.
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


AT_ONCE = """
import numba

wanted, results = expected(), []
together = threading.Barrier(2)

def work():
    together.wait()
    results.extend(computed() for _ in range(200))

workers = [threading.Thread(target=work) for _ in range(2)]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
print(json.dumps([results == [wanted] * 400, numba.threading_layer(), went_parallel()]))
"""


# workqueue: a parallel launch would abort the process.
@pytest.mark.parametrize(("layer", "in_parallel"), [("workqueue", False), ("omp", True)])
def test_two_python_threads_may_compute_at_once(layer, in_parallel):
    result = run_python(SETUP + AT_ONCE, env=TWO | {"NUMBA_THREADING_LAYER": layer})
    if "Threading layer is not initialized" in result.stderr:
        pytest.skip(f"Numba can't load the layer {layer} here")
    assert answer(result) == [True, layer, in_parallel]


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


def test_a_layer_that_cannot_be_loaded_means_serial_kernels():
    code = """
sys.modules["numba.np.ufunc.tbbpool"] = None  # as where TBB is not installed
print(json.dumps([computed() == expected(), went_parallel()]))
"""
    assert in_process(code, NUMBA_THREADING_LAYER="tbb") == [True, False]


FORK = """
def in_child(work):
    # The exit status of a forked child: 0 if it computed the right bits.
    child = os.fork()
    if child == 0:
        signal.alarm(60)  # ends a child that hangs
        status = 2
        try:
            status = 0 if work() else 1
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1]
"""
CHILDREN = {
    "child": "print(json.dumps(in_child(lambda: computed() == wanted)))",
    "child of a process that handles SIGTERM": """
signal.signal(signal.SIGTERM, lambda *_: None)
print(json.dumps(in_child(lambda: computed() == wanted)))
""",
    "grandchild": "print(json.dumps(in_child(lambda: in_child(lambda: computed() == wanted) == 0)))",
    "child with a kernel to compile": """
pred, target = pred.astype(np.float32), target.astype(np.float32)
print(json.dumps(in_child(lambda: computed() == expected())))
""",
    "worker of multiprocessing": """
import multiprocessing
with multiprocessing.get_context("fork").Pool(2) as pool:
    found = [pool.apply_async(computed) for _ in range(4)]
    print(json.dumps(int([f.get(60) for f in found] != [wanted] * 4)))
""",
}


@pytest.mark.usefixtures("parallel")
@pytest.mark.parametrize("who", CHILDREN)
def test_after_a_parallel_call_a_forked_child_computes_the_same(who):
    code = FORK + "\nwanted = computed()\nassert went_parallel()\n" + CHILDREN[who]
    assert in_process(code) == 0


def test_a_child_that_first_imports_fastloss_after_numba_started_threads_computes_the_same():
    code = f"""
import json, os, signal
import numba
numba.get_num_threads()  # starts them
{FORK}
def work():
    exec({SETUP!r}, globals())
    return computed() == expected() and not went_parallel()
print(json.dumps(in_child(work)))
"""
    assert answer(run_python(code, env=TWO)) == 0


@pytest.mark.usefixtures("parallel")
# Other libraries may have: their OpenMP threads, which can't be seen, would hang the child.
def test_a_child_of_a_process_that_started_no_threads_starts_none_either():
    code = """
wanted = expected()
print(json.dumps([in_child(lambda: computed() == wanted and not went_parallel()), went_parallel()]))
"""
    assert in_process(FORK + code) == [0, False]


FIRST_CALLS = """
import time
from fastloss._definition.drawing import drawn
from numba.core.registry import cpu_target

losses, results, together = list(map(fastloss.get, NAMES)), [], threading.Barrier(8)
context, inside, most = cpu_target.typing_context, set(), []
refresh = context.refresh

def slow_refresh():
    # Numba's own, which fails now and then where two threads are in it.
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
for size, parallel in (((1 << 21) - 1, False), (1 << 21, True)):  # 2^22 over two threads
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
    # Of this thread while another one computes, as a share of that time.
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
