"""An independent reference for each loss, slow and in exact numbers, to compare the kernels with.

A reference takes mpmath numbers and returns the value, the gradient and the second derivative. It shares no
code with the package and has the name of its loss. It lists the parameters to test with: values on both sides
of 1, powers of two and other numbers, and very small and very large ones.
"""

from . import classification, counts, quantiles, regression, robust  # noqa: F401
from .register import REFERENCES, Reference

__all__ = ["REFERENCES", "Reference"]
