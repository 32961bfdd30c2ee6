"""What pytest must not import where numba-cuda, of the extra cuda13, is not installed."""

from importlib.util import find_spec

KERNELS = [f"fastloss/_cuda/{name}.py" for name in ("access", "direct", "kernel", "launch", "queues")]
collect_ignore = [] if find_spec("numba_cuda") else [*KERNELS, "tests/cuda", "tests/ptxrun"]
