"""Fixtures that the tests of several adapters use."""

import pytest


@pytest.fixture
def in_this_thread():
    """Let Dask run its tasks in the thread that asks for results."""
    import dask  # which the other adapters do not need

    with dask.config.set(scheduler="synchronous"):
        yield
