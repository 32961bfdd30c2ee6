"""Ctrl-C or a lack of memory raises an exception, and leaves whole outputs and a process that still works."""

import os
import signal
import sys
import time

import numpy as np
import pytest

from tests.hosts import in_process
from tests.subprocesses import finish, start_python

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs the signals and limits of POSIX")

LONG_CALLS = """
pred, target = rng.standard_cauchy((2, 1 << 22))
grad = np.empty_like(pred)
wholes = [fastloss.huber.value_and_grad(pred, target, delta=delta)[1] for delta in (1.0, 2.0)]
done, sent = [], []

def interrupt():
    while len(done) < 2:
        pass
    sent.append(len(done))
    os.kill(os.getpid(), signal.SIGINT)

_launch.PARALLEL_FROM = LIMIT
threading.Thread(target=interrupt).start()
try:
    while True:
        fastloss.huber.value_and_grad(pred, target, delta=1.0 + len(done) % 2, grad_out=grad)
        done.append(None)
except KeyboardInterrupt:
    more = len(done) - sent[0]
whole = any(np.array_equal(grad, each) for each in wholes)
again = fastloss.huber.value_and_grad(pred, target, delta=1.0)[1]
print(json.dumps([more, whole, np.array_equal(again, wholes[0])]))
"""


@pytest.mark.parametrize("limit", ["1 << 62", "0"], ids=["serial", "parallel"])
def test_ctrl_c_is_raised_when_the_call_under_way_is_whole(limit):
    more, whole, usable = in_process(LONG_CALLS.replace("LIMIT", limit))
    assert more <= 1
    assert whole
    assert usable


# Each loss has to be compiled, and the first one loads Numba too.
COMPILING = """
import time

def made(factor):
    @fastloss.loss
    def scaled(pred, target):
        return factor * fastloss.math.exp(pred - target), factor, 0.0

    return scaled

raised, values, waits = 0, [], []
for k in range(4):
    loss, x = made(float(k)), np.ones(8)
    alarm = threading.Timer(0.05 * (k + 1), os.kill, (os.getpid(), signal.SIGINT))
    try:
        alarm.start()
        loss(x, x)
        alarm.join()
        time.sleep(1)
    except KeyboardInterrupt:
        raised += 1
    values.append([loss(x, x), fastloss.huber(x[::2], x[::2])])
print(json.dumps([raised, values]))
"""


def test_ctrl_c_while_a_call_compiles_leaves_a_process_that_computes():
    raised, values = in_process(COMPILING)
    assert raised == 4
    assert values == [[float(k), 0.0] for k in range(4)]


SCARCE = """
import resource

def limit(room):
    # Limit the address space to what is used plus some room; None removes the limit.
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    most = resource.RLIM_INFINITY
    resource.setrlimit(resource.RLIMIT_AS, (most if room is None else used + room, most))

def fails(call):
    try:
        call()
    except MemoryError:
        return True

x = np.arange(float(1 << 23))  # 64 MiB, more than malloc keeps in reserve for a thread
half = np.zeros((1 << 23, 2))[:, 0]
out, small, adaptive = np.full(8, 7.0), x[:8], fastloss.SelfAdjustingSmoothL1(4)
_launch.PARALLEL_FROM = 1 << 62
adaptive.value_and_grad(x.reshape(-1, 4), 0.0)

def results():
    return [fastloss.huber.value_and_grad(each, each)[1] for each in (x, half)], adaptive.state_dict()

gradients, state = results()
refused = {
    "gradient": lambda: fastloss.huber.value_and_grad(x, x),
    "strided": lambda: fastloss.huber.value_and_grad(half, half),
    "adaptive": lambda: adaptive.value_and_grad(x.reshape(-1, 4), 1.0),
    "to compile": lambda: fastloss.cauchy.value_and_grad(small, small, grad_out=out),
    "to compile, of one's own": lambda: fastloss.loss(lambda p, t: (p, t, 1.0))(small, small),
}
limit(1 << 23)
wrong = [name for name, call in refused.items() if not fails(call)]
limit(None)
untouched = (out == 7).all() and adaptive.state_dict() == state
same = all(map(np.array_equal, results()[0], gradients))
fastloss.cauchy.value_and_grad(small + 1, small, grad_out=out)
print(json.dumps([wrong, bool(untouched), same, out.tolist()]))
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs Linux's limits and /proc")
def test_without_memory_a_call_raises_and_all_is_as_it_was():
    assert in_process(SCARCE) == [[], True, True, [0.5 / 8] * 8]


@pytest.mark.parametrize("after", [0.2, 0.6, 1.0, 1.4])
def test_eval_killed_at_any_time_leaves_a_whole_output_or_none(after, tmp_path):
    pred = np.random.default_rng(0).standard_normal(1 << 22)
    np.save(tmp_path / "pred.npy", pred)
    np.save(tmp_path / "target.npy", np.zeros(1))
    argv = ["eval", "pred.npy", "target.npy", "--loss", "half_squared_error", "--grad-out", "grad.npy"]
    process = start_python(f"from fastloss.__main__ import main\nmain({argv})", cwd=tmp_path)
    time.sleep(after)
    process.kill()
    assert finish(process).returncode in (0, -signal.SIGKILL)
    if (tmp_path / "grad.npy").exists():
        np.testing.assert_array_equal(np.load(tmp_path / "grad.npy"), pred / pred.size)
