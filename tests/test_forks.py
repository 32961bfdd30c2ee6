"""Forked and spawned processes: they compute the same bits or raise an error with advice, and never hang."""

import os

import pytest

from tests.hosts import SETUP, TWO, in_process
from tests.subprocesses import answer, run_python

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")

FORK = """
def forked(work):
    # Fork a child. Its exit status is 0 if its work returns True, 1 if False, or the number that it returns.
    child = os.fork()
    if child == 0:
        signal.alarm(60)  # ends a child that hangs
        status = 2
        try:
            found = work()
            status = 1 - found if type(found) is bool else found
        finally:
            os._exit(status)
    return child

def ended(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def in_child(work):
    return ended(forked(work))
"""
POOL = """
import concurrent.futures, multiprocessing

def in_pool(way):
    context = multiprocessing.get_context(way)
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        found = [pool.submit(fastloss.huber.value_and_grad, pred, target, delta=2.0) for _ in range(4)]
        return {value.hex() + grad.tobytes().hex() for value, grad in (each.result(60) for each in found)}
"""
SAME = "print(json.dumps(in_child(lambda: computed() == wanted)))"
CHILDREN = {
    "child": SAME,
    "child of a process that handles SIGTERM and SIGABRT": f"""
signal.signal(signal.SIGTERM, lambda *_: None)
signal.signal(signal.SIGABRT, lambda *_: None)
{SAME}
""",
    "grandchild": "print(json.dumps(in_child(lambda: in_child(lambda: computed() == wanted) == 0)))",
    "child with a kernel to compile": """
pred, target = pred.astype(np.float32), target.astype(np.float32)
print(json.dumps(in_child(lambda: computed() == expected())))
""",
    "child while other threads compute": """
stopped = threading.Event()

def compute():
    while not stopped.is_set():
        computed()

workers = [threading.Thread(target=compute) for _ in range(2)]
for worker in workers:
    worker.start()
found = [in_child(lambda: computed() == wanted) for _ in range(5)]
stopped.set()
print(json.dumps(max(found)))
""",
    "workers of a server, ended by its signal": """
def serve():
    stopped, found = threading.Event(), []
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())

    def answer_requests():
        while not stopped.is_set():
            found.append(computed())
            os.write(answered, b".")

    threads = [threading.Thread(target=answer_requests) for _ in range(2)]
    for thread in threads:
        thread.start()
    stopped.wait()
    for thread in threads:
        thread.join()
    return set(found) == {wanted}

children = []
for _ in range(2):
    seen, answered = os.pipe()
    children.append((forked(serve), seen))
for child, seen in children:
    assert os.read(seen, 1) == b"."
    os.kill(child, signal.SIGTERM)
print(json.dumps(max(ended(child) for child, _ in children)))
""",
    "worker of multiprocessing": """
import multiprocessing
with multiprocessing.get_context("fork").Pool(2) as pool:
    found = [pool.apply_async(computed) for _ in range(4)]
    print(json.dumps(int([f.get(60) for f in found] != [wanted] * 4)))
""",
    "forked worker of concurrent.futures": f"{POOL}\nprint(json.dumps(int(in_pool('fork') != {{wanted}})))",
    "worker of a fork server": f"{POOL}\nprint(json.dumps(int(in_pool('forkserver') != {{wanted}})))",
    "spawned worker": f"{POOL}\nprint(json.dumps(int(in_pool('spawn') != {{wanted}})))",
}


@pytest.mark.usefixtures("parallel")
@pytest.mark.parametrize("who", CHILDREN)
def test_after_a_parallel_call_another_process_computes_the_same(who):
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
# Other libraries may have started OpenMP threads, which cannot be seen and would hang the child.
def test_a_child_of_a_process_that_started_no_threads_starts_none_either():
    code = """
wanted = expected()
print(json.dumps([in_child(lambda: computed() == wanted and not went_parallel()), went_parallel()]))
"""
    assert in_process(FORK + code) == [0, False]


FIRST_CALL = """
import time

def called():
    return fastloss.huber(np.array([1.0, 3.0]), np.zeros(2), delta=2.0) == 2.25

def work():
    try:
        return called()
    except RuntimeError as error:
        return 3 if "call fastloss.warmup(...) before the fork" in str(error) else 4

first = threading.Thread(target=called)
children, pause = [forked(work)], 1e-3
first.start()
while first.is_alive():
    children.append(forked(work))
    time.sleep(pause := 1.2 * pause)
children.append(forked(work))
print(json.dumps([ended(child) for child in children]))
"""


def test_a_fork_while_another_thread_makes_its_first_call_ends_in_the_value_or_in_advice():
    first, *among, last = in_process(FORK + FIRST_CALL)
    assert first == last == 0
    assert set(among) <= {0, 3}
    assert 3 in among


SHUT = """
from numba.core.compiler_lock import global_compiler_lock

x, out = np.arange(8.0), np.full(4, 7.0)
fastloss.huber(x, x)
held, done = threading.Event(), threading.Event()

def hold():
    with global_compiler_lock:
        held.set()
        done.wait()

def refused(call):
    try:
        call()
    except RuntimeError as error:
        return "while another thread was compiling with Numba" in str(error)

def work():
    return (
        fastloss.huber(x + 1, x) == 0.5  # compiled before
        and refused(lambda: fastloss.huber.grad(x[:4], x[:4], grad_out=out))
        and refused(lambda: fastloss.huber(x[::2], x[::2]))
        and refused(lambda: fastloss.cauchy(x, x))
        and refused(lambda: fastloss.warmup("huber", calls="grad"))
        and refused(lambda: fastloss.loss(lambda pred, target: (pred, target, 1.0))(x, x))
        and refused(lambda: fastloss.SelfAdjustingSmoothL1(4).grad(x.reshape(2, 4), x.reshape(2, 4)))
        and (out == 7).all()
    )

holding = threading.Thread(target=hold)
holding.start()
held.wait()
statuses = [in_child(lambda: bool(work())), in_child(lambda: in_child(lambda: bool(work())))]
done.set()
holding.join()
print(json.dumps([*statuses, in_child(lambda: fastloss.huber(x[::2], x[::2]) == 0)]))
"""


def test_a_child_that_can_never_compile_says_so_and_computes_what_was_compiled():
    assert in_process(FORK + SHUT) == [0, 0, 0]


@pytest.mark.usefixtures("parallel")
def test_a_large_strided_first_call_at_exit_computes():
    code = """
import atexit

both = rng.standard_cauchy(((1 << 15) + 3, 2))
pred, target = both.T

def last():
    print(json.dumps([computed() == expected(), went_parallel()]))

atexit.register(last)
"""
    assert in_process(code) == [True, True]
