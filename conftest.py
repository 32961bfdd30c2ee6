"""Keep pytest from collecting files whose libraries are not installed."""

from importlib.util import find_spec
from pathlib import Path

KERNELS = [f"fastloss/_cuda/{name}.py" for name in ("access", "direct", "kernel", "launch", "queues")]
collect_ignore = [] if find_spec("numba_cuda") else [*KERNELS, "tests/cuda", "tests/ptxrun"]
if not (find_spec("sphinx") and find_spec("playwright")):
    collect_ignore.append("tests/site")
collect_ignore += ["docs/conf.py", "docs/_ext", "docs/_build", "docs/gallery"]  # the site's code

#: The libraries that the tests and the page of each integration need; the extras install them.
ADAPTERS = {
    "boosting": ["lightgbm", "xgboost"],
    "dask": ["dask", "distributed", "pandas", "pyarrow"],
    "files": ["pandas", "polars", "pyarrow"],
    "frames": ["jax", "pandas", "polars", "pyarrow", "xarray"],
    "scipy": ["scipy"],
    "sklearn": ["sklearn", "statsmodels"],
    "torch": ["ml_dtypes", "torch"],
}
if not find_spec("pyarrow"):
    collect_ignore += [
        f"fastloss/_evaluate/sources/{name}.py" for name in ("arrow", "files", "keys", "scanning")
    ]
for name, libraries in ADAPTERS.items():
    if not all(map(find_spec, libraries)):
        folders = f"fastloss/adapters/{name}", f"fastloss/_{name}"
        files = *folders, f"fastloss/adapters/{name}.py", f"docs/recipes/{name}.md"
        tests = Path(__file__).parent.glob(f"tests/adapters/*{name}*.py")
        collect_ignore += [*files, *map(str, tests)]
