"""Code that changes while losses live: each keeps one state of its code, from its first use on."""

import importlib
import shutil
import sys
import textwrap

import numpy as np
import pytest
from numba import njit

from fastloss import loss
from tests.caches import PACKAGE, SETUP, THIS_ONE, formula, run

ERROR64, ERROR32 = np.ones(3), np.ones(3, np.float32)

# What losses of a module take their factor from, 2 at first, and what makes it 3.
HELPERS = """
import numpy as np
from numba import njit
from numba.extending import register_jitable
import fastloss
FACTOR = 2.0
NESTED, TABLE = (1.0, (2.0,)), np.array([2.0])
def helper(x):
    return FACTOR * x
def deep(x):
    return helper(x)
def default(x, factor=2.0):
    return factor * x
@njit
def compiled(x):
    return FACTOR * x
@njit
def over_compiled(x):
    return compiled(x)
@register_jitable
def registered(x):
    return FACTOR * x
def other(x):
    return 3.0 * x
"""
CASES = {
    "a global": ("FACTOR * e", "module.FACTOR = 3.0"),
    "a global in a helper": ("helper(e)", "module.FACTOR = 3.0"),
    "a tuple": ("NESTED[1][0] * e", "module.NESTED = 1.0, (3.0,)"),
    "an array's element": ("TABLE[0] * e", "module.TABLE[0] = 3.0"),
    "a helper defined anew": ("helper(e)", "module.helper = module.other"),
    "a helper's helper defined anew": ("deep(e)", "module.helper = module.other"),
    "a helper whose code is replaced": ("deep(e)", "module.helper.__code__ = module.other.__code__"),
    "a default": ("default(e)", "module.default.__defaults__ = (3.0,)"),
    "a constant of a module": ("me.FACTOR * e", "module.FACTOR = 3.0"),
    "a function of a module": ("me.helper(e)", "module.helper = module.other"),
    "a compiled helper's global": ("compiled(e)", "module.FACTOR = 3.0"),
    "a compiled helper's helper's global": ("over_compiled(e)", "module.FACTOR = 3.0"),
    "a registered helper's global": ("registered(e)", "module.FACTOR = 3.0"),
}


def source(expression):
    """A module with a loss."""
    return f"""
import sys
me = sys.modules[__name__]
{HELPERS}
@fastloss.loss
def mine(pred, target):
    e = pred - target
    value = {expression}
    return value, value / e, 0.0
"""


@pytest.fixture
def module_of(tmp_path, monkeypatch):
    """Make and import a module with a loss of an expression."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(expression):
        (tmp_path / "changing.py").write_text(source(expression))
        return importlib.import_module("changing")

    yield make
    sys.modules.pop("changing", None)


@pytest.mark.parametrize("case", CASES)
def test_a_change_reaches_no_kernel_of_a_loss_until_it_is_defined_anew(module_of, case):
    expression, change = CASES[case]
    module = module_of(expression)
    assert module.mine(ERROR64, 0.0) == 2.0
    exec(change, {"module": module})
    assert module.mine.grad(ERROR64, 0.0, reduction="sum").tolist() == [2.0] * 3
    assert module.mine(ERROR32, 0.0) == 2.0
    assert loss(module.mine.formula)(ERROR32, 0.0) == 3.0


def test_the_gradient_first_then_the_value(module_of):
    module = module_of("FACTOR * e")
    module.FACTOR = 3.0  # not used yet: the loss's code is as of its first use
    assert module.mine.grad(ERROR32, 0.0, reduction="sum").tolist() == [3.0] * 3
    module.FACTOR = 2.0
    assert module.mine(ERROR32, 0.0) == module.mine(ERROR64, 0.0) == 3.0


def test_a_module_reloaded_gives_another_loss(module_of, tmp_path):
    module = module_of("FACTOR * helper(e)")
    old = module.mine
    assert old(ERROR64, 0.0) == 4.0
    (tmp_path / "changing.py").write_text(source("FACTOR * helper(e)").replace("2.0", "3.0") + "# longer\n")
    importlib.reload(module)
    assert module.mine(ERROR64, 0.0) == 9.0
    assert old.grad(ERROR64, 0.0, reduction="sum").tolist() == [4.0] * 3


def test_a_variable_of_an_enclosing_function():
    factor = 2.0

    @loss
    def scaled(pred, target):
        return factor * (pred - target), factor, 0.0

    assert scaled(ERROR64, 0.0) == 2.0
    factor = 3.0
    assert scaled.grad(ERROR64, 0.0, reduction="sum").tolist() == [2.0] * 3
    assert loss(scaled.formula)(ERROR64, 0.0) == 3.0


def test_a_loss_that_could_not_be_compiled_is_tried_with_its_code_of_then():
    @loss
    def late(pred, target):
        return twice(pred - target), 2.0, 0.0

    with pytest.raises(TypeError, match=r"loss late .*cannot be compiled yet: twice of the function around"):
        late(ERROR64, 0.0)

    twice = no_such_attribute
    with pytest.raises(TypeError, match=r"loss late .* it raises AttributeError: .* 'nothing'"):
        late(ERROR64, 0.0)

    twice = double
    assert late(ERROR64, 0.0) == 2.0


def no_such_attribute(x):
    return x.nothing


def double(x):
    return 2 * x


def test_compiled_helpers_that_call_themselves_and_each_other():
    @loss
    def mutual(pred, target):
        return even(pred - target), 1.0, 0.0

    assert mutual([4.0, 7.0], 0.0, reduction="none").tolist() == [1.0, 0.0]


@njit
def even(x):
    if x > 0:
        return odd(x - 1)
    return 1.0


@njit
def odd(x):
    if x > 1:
        return odd(x - 2)
    return x


def test_with_numbas_compiler_switched_off_too(tmp_path):
    code = f"""
FACTOR = 2.0
{formula("mine", "FACTOR * (pred - target)")}
first = mine(np.ones(3), 0.0)
FACTOR = 3.0
report([first, mine(np.ones(3, np.float32), 0.0), type(mine(np.ones(3), 0.0)).__name__])
"""
    assert run(SETUP + code, tmp_path, NUMBA_DISABLE_JIT="1") == [[2.0, 2.0, "float"], []]


# The code of the digest under which a kernel is kept is the code that was compiled.
CALLS = {
    "value": "losses.mine(np.ones(3), 0.0)",
    "gradient": "losses.mine.grad(np.ones(3), 0.0, reduction='sum')[0]",
}


@pytest.mark.parametrize(
    ("expression", "first", "then"),
    [
        ("FACTOR * e", "value", "gradient"),
        ("helper(e)", "gradient", "value"),
        ("me.FACTOR * e", "value", "gradient"),
        ("compiled(e)", "gradient", "value"),
    ],
)
def test_nothing_is_kept_under_a_digest_of_other_code(tmp_path, expression, first, then):
    cache = tmp_path / "cache"
    path = tmp_path / "losses.py"
    path.write_text(source(expression))
    changed = f"before = {CALLS[first]}\nlosses.FACTOR = 3.0\nreport([before, {CALLS[then]}])"
    start = f"{SETUP}\nimport losses\n"
    assert run(start + changed, cache, cwd=tmp_path) == [[2.0, 2.0], ["mine"] * 2]
    both = f"{start}report([{CALLS[first]}, {CALLS[then]}])"
    for factor, compiled in (("3.0", ["mine"] * 2), ("2.0", [])):
        path.write_text(source(expression).replace("FACTOR = 2.0", f"FACTOR = {factor}"))
        assert run(both, cache, cwd=tmp_path) == [[float(factor)] * 2, compiled]


def test_a_process_whose_package_is_replaced_keeps_nothing_as_the_new_ones(tmp_path):
    package = shutil.copytree(PACKAGE, tmp_path / "fastloss", ignore=shutil.ignore_patterns("__pycache__"))
    line = "    value, grad, hess = T(value), T(grad), T(hess)\n"
    new = (package / "_element.py").read_text().replace(line.strip(), line.strip() + "; value *= T(2)")
    assert new.count("value *= T(2)") == 1
    call = "fastloss.huber(np.array([1.0, 3.0]), np.zeros(2), delta=2.0)"
    code = textwrap.dedent(f"""
        from fastloss import _cache
        with open("fastloss/_element.py", "w") as file:
            file.write({new!r})
        report({call})
    """)
    cache = tmp_path / "cache"
    assert run(f"{SETUP}\n{THIS_ONE}\n{code}", cache, cwd=tmp_path) == [2.25, ["huber"]]
    for compiled in (["huber"], []):
        assert run(f"{SETUP}\n{THIS_ONE}\nreport({call})", cache, cwd=tmp_path) == [4.5, compiled]


def test_a_switch_of_numbas_that_changes_code_has_kernels_of_its_own(tmp_path):
    call = "fastloss.huber(np.array([1.0, 3.0]), np.zeros(2), delta=2.0)"
    code = f"""
import numba
fastloss.squared_error([1.0], [0.0])
numba.config.BOUNDSCHECK = 1
report({call})
"""
    assert run(SETUP + code, tmp_path) == [2.25, ["huber", "squared_error"]]
    assert run(f"{SETUP}\nreport({call})", tmp_path) == [2.25, ["huber"]]


def test_losses_defined_while_threads_run(tmp_path):
    code = """
import threading
def make(factor):
    @fastloss.loss
    def mine(pred, target):
        return factor * (pred - target), factor, 0.0
    return mine

found = []
def work(first):
    for factor in (first, first + 1):
        mine = make(float(factor))
        pred = np.ones(3, np.float32 if factor % 2 else np.float64)
        found.append([mine(pred, 0.0), *mine.grad(pred, 0.0, reduction="sum")] == [factor] * 4)

threads = [threading.Thread(target=work, args=(first,)) for first in (1, 11)]
for thread in threads: thread.start()
for thread in threads: thread.join()
report(found)
"""
    found, _ = run(SETUP + code, tmp_path)
    assert found == [True] * 4
