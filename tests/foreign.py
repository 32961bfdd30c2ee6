"""Arrays of other libraries, each with no more than one of the methods by which fastloss reads them."""

import numpy as np


class OnlyDLPack:
    """An array with the methods of DLPack, or with those of before version 1.0."""

    def __init__(self, x, device=None, legacy=False):
        self.x, self.device, self.legacy, self.streams = x, device, legacy, []

    def __dlpack_device__(self):
        return self.device or self.x.__dlpack_device__()

    def __dlpack__(self, *, stream=None, **options):
        if self.legacy and options:
            raise TypeError("__dlpack__() got an unexpected keyword argument")
        self.streams.append(stream)
        return self.x.__dlpack__(**options)


class OnlyArray:
    """An object that NumPy converts by its method `__array__`."""

    def __init__(self, numbers):
        self.numbers = np.array(numbers)

    def __array__(self, dtype=None, copy=None):
        return self.numbers


class OnDevice:
    """An object that says that it is three numbers on a CUDA device."""

    __cuda_array_interface__ = {"shape": (3,), "typestr": "<f8", "data": (64, False), "version": 3}  # noqa: RUF012
