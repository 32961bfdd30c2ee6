"""Launches directly through CUDA's driver, which takes 50 us less than a launch through Numba.

At each launch, Numba finds the kernel for the types of the arguments and takes every array apart. Here this
is done once, and later launches only change addresses and numbers. This is the only file that uses private
parts of numba-cuda, which has no public API for this. Where these parts have changed, `prepared` returns
None, and all launches go through Numba.
"""

from collections.abc import Iterator
from ctypes import addressof, c_double, c_int64, c_void_p, sizeof
from typing import Any

from cuda.bindings import driver

from fastloss._cuda.access import refuse
from fastloss._cuda.arguments import ArrayArgument, NumberArgument

# Numba passes an array as two parameters that are 0, the number of elements, the size of an element, the
# address, the shape and the strides. These are the indices for a flat array.
_SIZE, _DATA, _SHAPE = 2, 4, 5


class Direct:
    """A kernel and its parameters, all of 8 bytes, in our own memory.

    Parameters
    ----------
    function : int
        The driver's handle.
    leaves : list of list of int
        The parameters of each argument, with tuples flattened; the first is the number of elements.
    changing : list
        For each of these arguments, how it differs from call to call, if it does; see `arguments`.
    threads : int
        The number of threads of a block.
    stream : int
        CUDA's handle of the stream.
    """

    def __init__(
        self, function: int, leaves: list[list[int]], changing: list[Any], threads: int, stream: int
    ) -> None:
        self.function, self.threads, self.stream = function, threads, stream
        words = [word for leaf in leaves for word in leaf]
        starts = [sum(map(len, leaves[:k])) for k in range(len(leaves))]
        filled = list(zip(starts, changing, strict=True))
        arrays = [(start, each) for start, each in filled if isinstance(each, ArrayArgument)]
        self.addresses = [(start + _DATA, each.k, each.offset) for start, each in arrays]
        flat = [start for start, each in arrays if each.shape is None]
        self.sizes = [0, *(start + k for start in flat for k in (_SIZE, _SHAPE))]
        self.numbers = [(start, each.k) for start, each in filled if isinstance(each, NumberArgument)]
        self.words: Any = (c_int64 * len(words))(*words)
        self._floats: Any = (c_double * len(words)).from_buffer(self.words)
        base = addressof(self.words)
        self._pointers = (c_void_p * len(words))(*range(base, base + sizeof(self.words), 8))
        self._parameters = addressof(self._pointers)

    def holds(self, size: int, addresses: list[int]) -> bool:
        """Whether the size and addresses of a call are where they are expected."""
        words = self.words
        return all(words[slot] == size for slot in self.sizes) and all(
            words[slot] == addresses[k] + offset for slot, k, offset in self.addresses
        )

    def launch(self, blocks: int, size: int, addresses: list[int], numbers: list[float]) -> None:
        """Launch the kernel for `size` elements, with the addresses and numbers of a call."""
        words, floats = self.words, self._floats
        if words[0] != size:
            for slot in self.sizes:
                words[slot] = size
        for slot, k, offset in self.addresses:
            words[slot] = addresses[k] + offset
        for slot, k in self.numbers:
            floats[slot] = numbers[k]
        start(self.function, blocks, self.threads, self.stream, self._parameters)


def prepared(
    kernel: Any, args: tuple[Any, ...], changing: list[Any], addresses: list[int], threads: int, stream: int
) -> Direct | None:
    """A launch of a kernel that Numba has launched with such arguments; None if Numba is not as expected."""
    try:
        compiled = kernel.compile(tuple(kernel.typeof_pyval(each) for each in args))
        leaves = list(parameters_of(compiled, args))
        found = Direct(function_of(compiled), leaves, changing, threads, stream)
    except Exception:  # whatever another version of numba-cuda raises
        return None
    return found if found.holds(args[0], addresses) else None


def function_of(compiled: Any) -> int:
    """The driver's handle of a compiled kernel."""
    return int(compiled._codelibrary.get_cufunc().handle)


def parameters_of(compiled: Any, args: tuple[Any, ...]) -> Iterator[list[int]]:
    """For each argument, with tuples flattened, the parameters that Numba makes of it, as integers."""
    for kind, value in leaves_of(compiled.argument_types, args):
        found: list[Any] = []
        compiled._prepare_args(kind, value, 0, [], found)
        yield [each if type(each) is int else _word(each) for each in found]


def leaves_of(kinds: Any, values: Any) -> Iterator[tuple[Any, Any]]:
    """Types and values, with tuples flattened."""
    for kind, value in zip(kinds, values, strict=True):
        if isinstance(value, tuple):
            yield from leaves_of(kind, value)
        else:
            yield kind, value


def _word(parameter: Any) -> int:
    """A ctypes number of 8 bytes as the integer with the same bits."""
    return c_int64.from_buffer(parameter).value


def start(function: int, blocks: int, threads: int, stream: int, parameters: int) -> None:
    """Launch a kernel; `parameters` is the address of the addresses of its parameters."""
    (status,) = driver.cuLaunchKernel(function, blocks, 1, 1, threads, 1, 1, 0, stream, parameters, 0)
    if status:
        refuse("cuLaunchKernel", status)
