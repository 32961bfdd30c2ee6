"""Kernels read and write every float16 as NumPy casts it."""

import numba
import numpy as np
import pytest

from fastloss._cpu import halves, movers

EVERY = np.arange(1 << 16, dtype=np.uint16).view(np.float16)


@pytest.fixture(params=["instructions", "arithmetic"])
def way(request, monkeypatch, tmp_path):
    """Use the instructions of the processor for float16, or the code for processors without them."""
    if request.param == "arithmetic":
        monkeypatch.setattr(halves, "has_instructions", lambda: False)
        monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))  # both ways have one name
    movers.mover.cache_clear()
    yield
    movers.mover.cache_clear()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_float16_is_read(way, dtype):
    found = movers.copied(EVERY, 0, EVERY.size, np.dtype(dtype))
    np.testing.assert_array_equal(found, EVERY.astype(dtype))
    np.testing.assert_array_equal(np.signbit(found), np.signbit(EVERY))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_are_rounded_once_to_the_nearest_float16(way, dtype):
    with np.errstate(all="ignore"):
        exact = EVERY.astype(dtype)
        ties = (exact[1:] + exact[:-1]) / 2
        near = [np.nextafter(ties, dtype(end)) for end in (-np.inf, np.inf)]
        wide = np.random.default_rng(0).standard_normal((21, 999)) * 10.0 ** np.arange(-12, 9)[:, None]
        more = wide.ravel(), [1e300, -1e300, 65519.99, 65520, 3e-8]
        numbers = np.concatenate([exact, ties, *near, *more]).astype(dtype)
        expected = numbers.astype(np.float16)
    written = np.empty_like(expected)
    movers.move_between("put", written, 0, numbers)
    np.testing.assert_array_equal(written, expected)
    np.testing.assert_array_equal(np.signbit(written), np.signbit(expected))
