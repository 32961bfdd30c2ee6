"""Code that changes after a loss was used: every loss keeps the state that its code had at its first use."""

import importlib
import sys

import numpy as np
import pytest
from numba import njit

from fastloss import loss
from fastloss._compile.source import Source
from tests.caches import SETUP, formula, run
from tests.changing import source

ERROR64, ERROR32 = np.ones(3), np.ones(3, np.float32)

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
    "a compiled helper's with types declared": ("declared(e)", "module.FACTOR = 3.0"),
    "a name put among the builtins": ("FROM_BUILTINS * e", "module.builtins.FROM_BUILTINS = 3.0"),
    "a registered helper's global": ("registered(e)", "module.FACTOR = 3.0"),
}


@pytest.fixture
def module_of(tmp_path, monkeypatch):
    """Return a function that makes and imports a module with a loss of an expression."""
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
    module.FACTOR = 3.0  # before the first use, at which the state of the code is taken
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


def test_of_a_module_only_what_is_used_counts(module_of):
    module = module_of("e")
    module.clip = checked

    def clip(x):
        return min(x, 1.0)

    @loss
    def clipped(pred, target):
        return module.FACTOR * clip(pred - target) * getattr(module, "FACTOR"), 0.0, 0.0  # noqa: B009

    @loss
    def scaled(pred, target):
        return module.FACTOR * clip(pred - target), 0.0, 0.0

    assert scaled(ERROR64, 0.0) == 2.0
    del module.clip
    assert clipped(ERROR64, 0.0) == 4.0


def checked(x):
    raise ValueError


def test_code_in_a_space_without_a_name():
    space = {}
    exec("def formula(pred, target):\n    return 2 * (pred - target), 2.0, 0.0\n", space)
    assert loss(space["formula"])(ERROR64, 0.0) == 2.0


def test_a_module_that_is_not_used_by_its_name_is_refused(module_of):
    module = module_of("holders[0].FACTOR * e")
    module.holders = (module,)
    with pytest.raises(TypeError, match=r"loss mine .* a tuple or a default holds the module changing"):
        module.mine(ERROR64, 0.0)


def test_a_global_is_read_once_for_all_functions_that_use_it():
    class Changing(np.ndarray):
        """A constant during whose copying another thread would change a global."""

        def copy(self):
            space["FACTOR"] = 3.0
            return super().copy()

    space = {"TABLE": np.ones(1).view(Changing), "FACTOR": 2.0}
    helper = "def helper(x):\n    return FACTOR * TABLE[0] * x\n"
    exec(f"{helper}def formula(pred, target):\n    return FACTOR * TABLE[0], helper(pred), 0.0\n", space)
    value, grad, _ = Source(space["formula"]).function(1.0, 0.0)
    assert value == grad


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def helper(x, y):\n    return y\n", "def helper(x, *y):\n    return y\n"),
        ("def helper(x, y):\n    return y\n", "def helper(x, *, y):\n    return y\n"),
        (
            "import numpy as np\nT = np.zeros(1, [('a', 'f8'), ('b', 'f8')])\ndef helper(x):\n    return T\n",
            "import numpy as np\nT = np.zeros(1, [('b', 'f8'), ('a', 'f8')])\ndef helper(x):\n    return T\n",
        ),
    ],
)
def test_code_that_differs_has_digests_that_do(tmp_path, one, other):
    found = []
    for text in (one, other):
        space = {}
        (tmp_path / "helper.py").write_text(text)
        exec(compile(text, str(tmp_path / "helper.py"), "exec"), space)
        found.append(Source(space["helper"]).digest)
    assert None not in found
    assert found[0] != found[1]


def test_with_numbas_compiler_switched_off_too(tmp_path):
    code = f"""
FACTOR = 2.0
{formula("mine", "FACTOR * (pred - target)")}
first = mine(np.ones(3), 0.0)
FACTOR = 3.0
report([first, mine(np.ones(3, np.float32), 0.0), type(mine(np.ones(3), 0.0)).__name__])
"""
    assert run(SETUP + code, tmp_path, NUMBA_DISABLE_JIT="1") == [[2.0, 2.0, "float"], []]
