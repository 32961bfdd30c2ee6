"""Launches straight through CUDA's driver, for which Numba takes 50 us more.

Numba's launch finds the kernel for the types of its arguments and takes every array apart, each time.
Here this is done once, and later launches change what differs: addresses and numbers. What is known of
numba-cuda's inside, for which it has no public way, stands in this file alone. Where that changes,
`prepared` returns None, and all launches go Numba's way.
"""

from collections.abc import Iterator
from ctypes import addressof, c_double, c_int64, c_void_p, sizeof
from typing import Any, NamedTuple

import numpy as np
from cuda.bindings import driver

from fastloss._cuda.access import CudaAPIError

# An array is taken apart to two parameters that are 0, the number of its elements, the size of one, its
# address, its shape and its strides. These are the places of a flat one's.
_SIZE, _DATA, _SHAPE = 2, 4, 5


class Place(NamedTuple):
    """An array as a kernel takes it, so many bytes after the k-th address of a call."""

    k: int
    offset: int
    shape: tuple[int, ...] | None  # None is that of a call's flat arrays
    strides: tuple[int, ...] | None
    dtype: np.dtype[Any]


class Number(NamedTuple):
    """The k-th number of a call."""

    k: int


class Direct:
    """A kernel and its parameters, all of 8 bytes, in memory of ours.

    Parameters
    ----------
    function : int
        The driver's handle.
    leaves : list of list of int
        The parameters of each argument that is no tuple; the first is the number of elements.
    changing : list
        For each of these arguments a `Place` or `Number` if it differs from call to call.
    threads : int
        Of a block.
    stream : int
        CUDA's number.
    """

    def __init__(
        self, function: int, leaves: list[list[int]], changing: list[Any], threads: int, stream: int
    ) -> None:
        self.function, self.threads, self.stream = function, threads, stream
        words = [word for leaf in leaves for word in leaf]
        starts = [sum(map(len, leaves[:k])) for k in range(len(leaves))]
        told = list(zip(starts, changing, strict=True))
        arrays = [(start, leaf) for start, leaf in told if isinstance(leaf, Place)]
        self.places = [(start + _DATA, leaf.k, leaf.offset) for start, leaf in arrays]
        flat = [start for start, leaf in arrays if leaf.shape is None]
        self.sizes = [0, *(start + k for start in flat for k in (_SIZE, _SHAPE))]
        self.numbers = [(start, leaf.k) for start, leaf in told if isinstance(leaf, Number)]
        self.words: Any = (c_int64 * len(words))(*words)
        self._floats: Any = (c_double * len(words)).from_buffer(self.words)
        base = addressof(self.words)
        self._pointers = (c_void_p * len(words))(*range(base, base + sizeof(self.words), 8))
        self._parameters = addressof(self._pointers)

    def holds(self, size: int, at: list[int]) -> bool:
        """Whether the size and addresses of a call stand where they are expected."""
        words = self.words
        return all(words[slot] == size for slot in self.sizes) and all(
            words[slot] == at[k] + offset for slot, k, offset in self.places
        )

    def launch(self, blocks: int, size: int, at: list[int], numbers: list[float]) -> None:
        """Run the kernel for so many elements, with a call's addresses and numbers."""
        words, floats = self.words, self._floats
        if words[0] != size:
            for slot in self.sizes:
                words[slot] = size
        for slot, k, offset in self.places:
            words[slot] = at[k] + offset
        for slot, k in self.numbers:
            floats[slot] = numbers[k]
        start(self.function, blocks, self.threads, self.stream, self._parameters)


def prepared(
    kernel: Any, args: tuple[Any, ...], changing: list[Any], at: list[int], threads: int, stream: int
) -> Direct | None:
    """A launch of a kernel that Numba has launched with such arguments; None if its inside is not known."""
    try:
        compiled = kernel.compile(tuple(kernel.typeof_pyval(each) for each in args))
        leaves = list(parameters_of(compiled, args))
        found = Direct(function_of(compiled), leaves, changing, threads, stream)
    except Exception:  # whatever another version of numba-cuda makes of it
        return None
    return found if found.holds(args[0], at) else None


def function_of(compiled: Any) -> int:
    """The driver's handle of a compiled kernel."""
    return int(compiled._codelibrary.get_cufunc().handle)


def parameters_of(compiled: Any, args: tuple[Any, ...]) -> Iterator[list[int]]:
    """Of each argument, or part of a tuple, the parameters that Numba makes of it, as integers."""
    for kind, value in leaves_of(compiled.argument_types, args):
        found: list[Any] = []
        compiled._prepare_args(kind, value, 0, [], found)
        yield [each if type(each) is int else _word(each) for each in found]


def leaves_of(kinds: Any, values: Any) -> Iterator[tuple[Any, Any]]:
    """Types and values, those in tuples one by one."""
    for kind, value in zip(kinds, values, strict=True):
        if isinstance(value, tuple):
            yield from leaves_of(kind, value)
        else:
            yield kind, value


def _word(parameter: Any) -> int:
    """A number of ctypes, of 8 bytes, as the integer of the same bits."""
    return c_int64.from_buffer(parameter).value


def start(function: int, blocks: int, threads: int, stream: int, parameters: int) -> None:
    """Launch a kernel; `parameters` is the address of the addresses of its parameters."""
    (status,) = driver.cuLaunchKernel(function, blocks, 1, 1, threads, 1, 1, 0, stream, parameters, 0)
    if status:
        error: Any = CudaAPIError
        raise error(int(status), f"cuLaunchKernel: {status.name}")
