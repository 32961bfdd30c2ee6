"""Losses that are sent to other processes or copied, by their names or with their code."""

import copy
import pickle

import cloudpickle
import numpy as np
import pytest
from numba.extending import overload

import fastloss
from tests.caches import SETUP, entries, run
from tests.subprocesses import answer, run_python

MODULE = """
import fastloss
FACTOR = 2.0
@fastloss.loss(scale=fastloss.positive(default=3.0))
def imported(pred, target, scale):
    '''A loss of a module.'''
    return FACTOR * scale * (pred - target), FACTOR * scale, 0.0
class Held:
    @fastloss.loss
    def attribute(pred, target):
        return 6.0 * (pred - target), 6.0, 0.0
def scale(x):
    return FACTOR * x
"""
# A script with losses of every kind, each of which returns 6 times the error.
SCRIPT = '''
import sys
import numpy as np
import fastloss, losses
from fastloss import loss, positive
from losses import Held, imported

THREE = 3.0

def helper(x):
    return losses.scale(THREE * x)

@loss
def of_main(pred, target):
    return helper(pred - target), 6.0, 0.0

def make(factor):
    @loss("alias", scale=positive(default=3.0))
    def nested(pred, target, scale):
        """Of a function."""
        return factor * scale * (pred - target), factor * scale, 0.0
    return nested

LOSSES = {"imported": imported, "attribute": Held.attribute, "main": of_main, "nested": make(2.0)}

def answers(losses):
    found = {}
    for name, each in losses.items():
        value, grad = each.value_and_grad(np.ones(2), np.zeros(2), reduction="sum")
        found[name] = [value, *grad.tolist()]
    return found

EXPECTED = dict.fromkeys(LOSSES, [12.0, 6.0, 6.0])
'''
LOKY = """
from joblib import Parallel, delayed
if __name__ == "__main__":
    arrays = np.ones(2), np.zeros(2)
    runs = [delayed(each.value_and_grad)(*arrays, reduction="sum") for each in LOSSES.values()]
    for value, grad in Parallel(n_jobs=2)(runs * 2):
        assert [value, *grad] == [12.0, 6.0, 6.0]
    (found,) = Parallel(n_jobs=2)([delayed(answers)(LOSSES)])
    assert found == EXPECTED
    print("true")
"""
SPAWN = """
import json, multiprocessing
def returned(each):
    return each
if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(answers, (LOSSES,)) == EXPECTED
        back = pool.apply(returned, (LOSSES,))
    assert all(back[name] is each for name, each in LOSSES.items())
    print(json.dumps(True))
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "losses.py").write_text(MODULE)
    return tmp_path


@pytest.mark.parametrize("way", ["loky", "spawn"])
def test_worker_processes_get_every_loss_of_a_script(way, folder):
    script = folder / "script.py"
    script.write_text(SCRIPT + (LOKY if way == "loky" else SPAWN))
    assert answer(run_python(script, cwd=folder)) is True


@pytest.mark.parametrize("pickler", ["pickle", "cloudpickle"])
@pytest.mark.parametrize("used", [False, True], ids=["unused", "used"])
def test_a_fresh_process_reads_a_pickle(pickler, used, folder):
    code = f"{SETUP}{SCRIPT}\nimport {pickler}\nfound = answers(LOSSES) if {used} else EXPECTED\n"
    write = f"open('losses.bin', 'wb').write({pickler}.dumps(LOSSES))\nreport(found == EXPECTED)"
    script = folder / "script.py"
    script.write_text(code + write)
    cache = folder / "cache"
    compiled = ["attribute", "imported", "nested", "of_main"]
    assert run(script, cache, cwd=folder) == [True, compiled if used else []]
    read = """
import pickle
LOSSES = pickle.loads(open("losses.bin", "rb").read())
found = {}
for name, each in LOSSES.items():
    value, grad = each.value_and_grad(np.ones(2), np.zeros(2), reduction="sum")
    found[name] = [value, *grad.tolist()]
nested = LOSSES["nested"]
doc = nested.__doc__.splitlines()[0]
report([found, nested.name, nested.aliases, str(nested.domains["scale"]), doc])
"""
    found, anew = run(SETUP + read, cache, cwd=folder)
    named = ["nested", ["alias"], "a finite number > 0", "Of a function."]
    assert found == [{name: [12.0, 6.0, 6.0] for name in ("imported", "attribute", "main", "nested")}, *named]
    assert anew == ([] if used else compiled)  # the second process finds what the first one kept
    assert entries(cache) == [1] * 4


def local(factor):
    """Make a loss that cannot be imported by its name."""

    @fastloss.loss
    def scaled(pred, target):
        """Scaled."""
        return factor * (pred - target), factor, 0.0

    return scaled


@pytest.mark.parametrize("dumps", [pickle.dumps, cloudpickle.dumps])
def test_a_loss_that_comes_back_is_itself(dumps):
    for each in (local(2.0), fastloss.huber, by_name):
        assert pickle.loads(dumps(each)) is each
        assert pickle.loads(dumps(each.grad)) == each.grad  # a method of it


@pytest.mark.parametrize("each", [local(2.0), fastloss.huber], ids=["nested", "built-in"])
def test_copies_are_the_loss_itself(each):
    assert copy.copy(each) is each
    assert copy.deepcopy([each])[0] is each


@fastloss.loss
def by_name(pred, target):
    return pred - target, 1.0, 0.0


replaced = by_name


@fastloss.loss
def by_name(pred, target):
    return 2 * (pred - target), 2.0, 0.0


def test_a_name_that_leads_to_another_loss_is_not_taken():
    found = pickle.loads(pickle.dumps([replaced, by_name]))
    assert found == [replaced, by_name]
    assert b"cloudpickle" in pickle.dumps(replaced)
    assert b"cloudpickle" not in pickle.dumps(by_name)


def test_a_pickled_loss_has_the_code_that_is_used_here():
    factor = 2.0

    @fastloss.loss
    def scaled(pred, target):
        return factor * (pred - target), factor, 0.0

    sent = pickle.dumps(scaled)
    factor = 3.0
    assert scaled(np.ones(2), 0.0) == 2.0
    assert pickle.dumps(scaled) == sent


def test_an_unpickled_loss_that_was_used_is_kept_with_its_kernels():
    sent = [pickle.dumps(local(float(factor))) for factor in range(70)]  # more than are remembered
    first = pickle.loads(sent[0])
    assert first(np.ones(2), 0.0) == 0.0
    assert pickle.loads(sent[0]) is first
    assert pickle.loads(pickle.dumps(first)) is first
    assert pickle.loads(sent[-1]) is pickle.loads(sent[-1])


def test_a_loss_whose_helper_only_this_process_has_is_not_sent():
    def helper(x):
        return x

    @overload(helper)
    def _helper(x):
        return lambda x: 2 * x

    @fastloss.loss
    def doubled(pred, target):
        return helper(pred - target), 2.0, 0.0

    assert doubled(np.ones(2), 0.0) == 2.0
    with pytest.raises(
        TypeError, match=r"loss doubled cannot be sent .* it calls .*helper, whose @overload only"
    ):
        pickle.dumps(doubled)


def test_a_loss_repaired_after_a_failure_is_packed_anew():
    @fastloss.loss
    def late(pred, target):
        return helper(pred - target), 1.0, 0.0

    helper = str.upper
    sent = pickle.dumps(late)
    with pytest.raises(TypeError, match="loss late"):
        late(np.ones(2), 0.0)
    helper = abs
    assert pickle.dumps(late) != sent
    assert late(-np.ones(2), 0.0) == 1.0
