"""Arrays for calls that are refused, and what the error of a refused call or command must be."""

import re

import numpy as np
import pytest

A = np.array([1.0, 2.0, 3.0])
F = A.astype(np.float32)
COLUMN = A.reshape(3, 1)
NOT_REAL = "must hold real numbers of at most 64 bits, got dtype"


def masked():
    return np.ma.masked_array(A, mask=[0, 1, 0])


def assert_refused(call, kind, message, loss="huber"):
    """Check that a call raises an error of one line that names the loss and then says the message."""
    with pytest.raises(kind, match=re.escape(message)) as caught:
        call()
    assert type(caught.value) is kind
    assert str(caught.value).startswith(f"{loss}: ")
    assert "\n" not in str(caught.value)


def only_line(out, err):
    """The only line on stderr; assert that nothing else was printed."""
    assert out == ""
    assert re.fullmatch(r".+\n", err), err
    return err.removesuffix("\n")
