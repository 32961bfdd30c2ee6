"""What kernels share on every processor: what they do with one element, and which numbers are valid."""
