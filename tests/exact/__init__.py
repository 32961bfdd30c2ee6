"""Each loss written anew, slowly and in exact numbers, to hold the kernels against.

A reference returns value, gradient and second derivative of mpmath numbers. It shares no code with the
package. Its name is that of its loss, and it lists choices of the loss's parameters to be tested with: both
sides of one, powers of two and not, far out on both ends.
"""

from . import classification, counts, quantiles, regression, robust  # noqa: F401
from .register import REFERENCES, Reference

__all__ = ["REFERENCES", "Reference"]
