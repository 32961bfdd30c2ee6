"""What the compiled kernels read, write and execute, counted while their PTX is emulated."""

from functools import cache

import numba
import numpy as np
import pytest
from numba import types
from numba.np.numpy_support import from_dtype

import fastloss
from fastloss import huber
from fastloss._compile import code as _code
from fastloss._cuda import kernel as _cuda_kernel
from fastloss._formula import validity as _prepass
from fastloss._formula.sum import CHUNK
from tests import ptxrun
from tests.ptxrun.kernels import each_device

# Threads that a multiprocessor of each compute capability holds at most, and the registers of any of them.
RESIDENT = {(7, 5): 1024, (9, 0): 2048, (12, 0): 1536}
REGISTERS = 1 << 16
SIZE = 5 * CHUNK
BLOCKS = SIZE // CHUNK
#: Bytes that the sums of the chunks and their fold may add to those of the elements.
OWN = 8 * (2 * (SIZE // CHUNK) + 20)


def arguments(dtype, weight=None, where=None, *, summed=True, grad=True):
    """The arguments that a plain call passes to its kernel."""
    rng = np.random.default_rng(0)
    pred, target = rng.standard_normal((2, SIZE)).astype(dtype)
    blocks = SIZE // CHUNK
    work = [np.zeros(1), np.zeros(2 * blocks + 64), np.zeros(1, np.uint32)] if summed else [None] * 3
    out = np.zeros(SIZE, dtype) if grad else None
    return [SIZE, pred, target, weight, where, (1.0,), (float(SIZE), 1 / SIZE), None, out, None, *work]


def type_of(x):
    if x is None:
        return types.none
    if isinstance(x, tuple):
        return types.UniTuple(types.float64, len(x))
    if isinstance(x, np.ndarray):
        kind = types.CharSeq(2) if x.dtype.kind == "S" else from_dtype(x.dtype)
        return types.Array(kind, 1, "C")
    return types.int64 if isinstance(x, int) else types.float64


@cache
def compiled(loss, dtype, summed, signature, cc):
    source = _code.source_of(loss)
    _code.make_callable(source, "cuda")
    return ptxrun.compile(
        _cuda_kernel.make_kernel(source.function, np.dtype(dtype), summed), signature, cc=cc
    )


def run(cc, dtype=np.float32, loss=huber, given=None, **options):
    """Run the kernel; return it with its counters."""
    given = given or arguments(dtype, **options)
    signature = tuple(map(type_of, given))
    kernel = compiled(loss, np.dtype(dtype).name, given[-1] is not None, signature, cc)
    return kernel, kernel[BLOCKS, _cuda_kernel.THREADS](*given, stats=True)


@each_device
def test_value_and_gradient_move_twelve_bytes_an_element(cc):
    kernel, stats = run(cc)
    assert 0 <= stats.loads.bytes - 8 * SIZE <= OWN
    assert 0 <= stats.stores.bytes - 4 * SIZE <= OWN
    assert 0 <= sum(stats.executed.values()) <= 40 * SIZE
    opcodes = ptxrun.instructions(kernel.ptx)
    assert opcodes.get("ld.global.v4.f32", 0) + opcodes.get("ld.global.v4.b32", 0) >= 2
    assert opcodes.get("st.global.v4.f32", 0) + opcodes.get("st.global.v4.b32", 0) >= 1
    assert stats.loads.accesses[16] == SIZE // 2
    assert stats.stores.accesses[16] == SIZE // 4


@each_device
@pytest.mark.parametrize("dtype", ["f2", "S2"], ids=["float16", "bfloat16"])
def test_halves_are_read_and_written_four_at_a_time(dtype, cc):
    given = arguments(np.float32)
    for place in (1, 2, 8):
        given[place] = given[place].astype(np.float16).view(dtype)
    kernel, stats = run(cc, given=given)
    assert 0 <= stats.loads.bytes - 4 * SIZE <= OWN
    assert 0 <= stats.stores.bytes - 2 * SIZE <= OWN
    assert 0 <= stats.stores.accesses[8] - SIZE // 4 <= OWN // 8
    opcodes = ptxrun.instructions(kernel.ptx)
    assert sum(opcodes.get(f"ld.global.{four}", 0) for four in ("v4.u16", "v4.b16")) >= 2
    assert sum(opcodes.get(f"st.global.{four}", 0) for four in ("v4.u16", "v4.b16", "v2.b32")) >= 1


@each_device
@pytest.mark.parametrize(
    ("options", "loads", "stores"),
    [
        ({"grad": False}, 8, 0),
        ({"summed": False}, 8, 4),
        ({"weight": np.ones(SIZE, np.float32)}, 12, 4),
        ({"where": np.ones(SIZE, bool)}, 9, 4),
    ],
)
def test_bytes_of_other_calls(options, loads, stores, cc):
    _, stats = run(cc, **options)
    assert 0 <= stats.loads.bytes - loads * SIZE <= OWN
    assert 0 <= stats.stores.bytes - stores * SIZE <= OWN


@pytest.mark.parametrize(("weight", "where", "more"), [(True, False, 4), (False, True, 1), (True, True, 5)])
def test_the_denominators_prepass_reads_weights_and_mask_once(weight, where, more):
    given = arguments(np.float32, grad=False)
    weights = np.ones(SIZE, np.float32) if weight else 1.0
    masks = np.ones(SIZE, bool) if where else None
    given[1:7] = [weights, 0.0, None, masks, (), (1.0, 1.0)]
    _, stats = run((9, 0), loss=_prepass.IDENTITY, given=given)
    assert 0 <= stats.loads.bytes - more * SIZE <= OWN
    assert stats.stores.bytes <= OWN


@each_device
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_requests_touch_no_more_sectors_than_they_must(dtype, cc):
    _, stats = run(cc, dtype, summed=False)
    assert stats.loads.sectors == stats.loads.ideal_sectors
    assert stats.stores.sectors == stats.stores.ideal_sectors


@each_device
def test_registers_leave_room_for_half_the_threads_that_a_processor_holds(cc):
    kernel, _ = run(cc)
    found = ptxrun.resources(kernel.ptx)
    if found is None:
        pytest.skip("no ptxas for this PTX version: pip install nvidia-cuda-nvcc")
    threads = _cuda_kernel.THREADS
    registers = threads * (-(-found.registers // 8) * 8)  # of a block, in units of 8 a thread
    assert REGISTERS // registers * threads >= RESIDENT[cc] / 2
    assert found.spill_stores == found.spill_loads == found.stack == 0


@each_device
def test_float64_arithmetic_of_a_float32_kernel_is_the_accumulation(cc):
    _, stats = run(cc)
    wide = {name: count for name, count in stats.executed.items() if ".f64" in name and "cvt" not in name}
    arithmetic = {
        n: c for n, c in wide.items() if n.split(".")[0] in ("add", "sub", "mul", "fma", "div", "rcp")
    }
    additions = sum(count for name, count in arithmetic.items() if name.startswith("add"))
    assert SIZE <= additions <= 1.05 * SIZE
    assert sum(arithmetic.values()) - additions <= 50  # the division of the last thread


def test_kernels_for_processors_and_devices_in_turn(tmp_path, monkeypatch):
    """Numba keys the code of a function alike for all targets, but each kernel must call its own."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))  # so that all of them are compiled

    @fastloss.loss
    def turns(pred, target):
        return pred - target, 1.0, 0.0

    given = arguments(np.float32)
    given[5] = ()
    for cc, call in (((9, 0), turns.value_and_grad), ((7, 5), turns.grad)):
        call(given[1], given[2])
        given[-3][0] = given[-1][0] = 0
        run(cc, loss=turns, given=given)
        assert given[-3][0] == turns(given[1], given[2])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_kernel_changed_by_hand_is_noticed(dtype):
    """The bits of the CPU need a separate addition, which is not contracted with a product."""
    given = arguments(dtype)
    kernel, _ = run((9, 0), dtype, given=given)
    value = huber(given[1], given[2], delta=1.0)
    assert given[-3][0] == value
    mutant = kernel.mutant("add.rn.f64", "sub.rn.f64")
    given[-3][0] = given[-1][0] = 0
    mutant[BLOCKS, _cuda_kernel.THREADS](*given)
    assert given[-3][0] != value
