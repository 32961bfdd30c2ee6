"""Configuration of the site: ``python -m sphinx -W docs docs/_build``."""

import sys
from importlib.util import find_spec
from pathlib import Path

from sphinx.ext.autodoc.mock import _MockObject

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]

import fastloss  # noqa: E402
from fastloss.losses import shipped  # noqa: E402

project = "fastloss"
author = "the developers of fastloss"
copyright = f"2026, {author}"
version = release = fastloss.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "gallery",
    "mathml",
]
exclude_patterns = ["_build", "_ext"]

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
html_math_renderer = "mathml"

autodoc_default_options = {"member-order": "bysource"}
autodoc_typehints = "none"
# The reference needs the names of the adapter, but not a gigabyte of PyTorch. Sphinx's mock objects lack `|`.
autodoc_mock_imports = [name for name in ("ml_dtypes", "torch") if find_spec(name) is None]
_MockObject.__or__ = _MockObject.__ror__ = lambda stand_in, _: stand_in
numpydoc_show_class_members = False
# All of numpydoc's checks, except those for an extended summary, a See Also section and an example.
numpydoc_validation_checks = {"all", "ES01", "EX01", "SA01"}
# The parameters of losses and their calls are documented once, by `Loss`, and those of the PyTorch modules by
# their base class. `loss` and the adaptive losses take more parameters than their signatures show.
_SHARED = [rf"fastloss\.{name}$" for name in (*shipped(), "Loss", "loss")]
numpydoc_validation_exclude = {
    *_SHARED, r"\.Loss\.", r"adapters\.torch\.[A-Z]", r"SmoothL1\.value_and_grad$", "linear_objective$",
}  # fmt: skip
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True

html_theme = "pydata_sphinx_theme"
html_title = "fastloss"
html_static_path = ["_static"]
html_favicon = html_logo = "_static/fastloss.svg"
html_css_files = ["fastloss.css"]
html_show_sourcelink = False
html_context = {"default_mode": "auto"}
# Pages that stand alone have no section to navigate in.
html_sidebars = {page: [] for page in ("start", "speed", "guarantees", "how", "adding", "changelog")}
html_theme_options = {
    "logo": {"text": "fastloss"},
    "show_prev_next": True,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
