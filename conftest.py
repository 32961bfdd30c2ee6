"""What pytest must not import where the library of an extra is not installed."""

from importlib.util import find_spec

KERNELS = [f"fastloss/_cuda/{name}.py" for name in ("access", "direct", "kernel", "launch", "queues")]
collect_ignore = [] if find_spec("numba_cuda") else [*KERNELS, "tests/cuda", "tests/ptxrun"]
collect_ignore += [
    path
    for library in ("scipy",)
    if not find_spec(library)
    for path in (f"fastloss/adapters/{library}.py", f"tests/adapters/test_{library}.py")
]
