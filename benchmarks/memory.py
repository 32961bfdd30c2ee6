"""asv: memory besides the arrays that a call is given and returns."""

import tracemalloc
from typing import Any

import numpy as np

import fastloss
from fastloss._definition.drawing import drawn
from fastloss.losses import shipped

COUNT = 1 << 22


class Memory:
    """Memory of calls on 2^22 elements, by the kind of their operands."""

    params = (["plain", "weighted by row", "strided", "int16"], list(shipped()))
    param_names = ("operands", "loss")
    unit = "bytes"

    def setup(self, operands: str, loss: str) -> None:
        rng = np.random.default_rng(0)
        shape = (COUNT // 4, 4)
        self.loss = fastloss.get(loss)
        self.pred, self.target = drawn(self.loss, rng, shape, np.float32, 300.0)
        self.options: dict[str, Any] = {"grad_out": np.empty(shape, np.float32)}
        if operands == "weighted by row":
            self.options["weight"] = rng.random((shape[0], 1), np.float32)
        elif operands == "strided":
            self.pred = np.repeat(self.pred, 2, 1)[:, ::2]
        elif operands == "int16":
            self.target = self.target.astype(np.int16)
        self.call()

    def call(self) -> None:
        self.loss.value_and_grad(self.pred, self.target, **self.options)

    def peakmem_call(self, operands: str, loss: str) -> None:
        self.call()

    def track_beside_outputs(self, operands: str, loss: str) -> int:
        """The peak of the bytes that the call itself allocates: NumPy reports its arrays to tracemalloc."""
        tracemalloc.start()
        try:
            self.call()
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
