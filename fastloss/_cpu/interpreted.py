"""The kernel in plain Python, for debugging with JIT disabled."""

from collections.abc import Callable
from typing import Any

import numpy as np

from fastloss._cpu.kernel import fold_lanes, fold_pairs
from fastloss._formula.sum import BANDS, CHUNK, LANES


def interpreted(element: Callable[..., Any], summed: bool) -> Callable[..., Any]:
    """The kernel of one loss as plain Python, with the same bits, for plain arrays."""

    def item(x, k):
        return tuple(item(each, k) for each in x) if type(x) is tuple else x[k] if np.ndim(x) else x

    def kernel(layouts, start, stop, pred, target, weight, where, params, scale, *outs):
        others = [x for x in (pred, target, weight, where, *params) if x is not None and np.ndim(x)]
        for out in outs:
            if out is None:
                continue
            if any(np.may_share_memory(out, x) for x in others):
                raise BufferError
            others.append(out)
        sums = []
        for lo in range(start, stop, CHUNK):
            losses, lanes = np.zeros(CHUNK, pred.dtype), np.zeros((BANDS, LANES))
            for k in range(lo, min(lo + CHUNK, stop)):
                found = element(
                    *(item(x, k) for x in (pred, target, weight, where, params)),
                    scale,
                )
                losses[k - lo] = found[0]
                for out, value in zip(outs, found, strict=True):
                    if out is not None:
                        out[k] = value
            for row in losses.reshape(BANDS, -1, LANES).swapaxes(0, 1):
                lanes += row
            sums.append(fold_lanes(lanes.reshape(-1)))
        return fold_pairs(np.array(sums)) if summed else 0.0

    return kernel
