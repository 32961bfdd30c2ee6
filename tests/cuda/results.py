"""Compare results on the device with those on the host."""

import numpy as np

from tests import special


def bits(results):
    """The bytes of results, with all NaN replaced by one: the device has another NaN than the CPU."""
    results = results if isinstance(results, tuple | list) else [results]
    found = [x.copy_to_host() if hasattr(x, "copy_to_host") else np.asarray(x) for x in results]
    return [special.bits(x).tobytes() for x in found]
