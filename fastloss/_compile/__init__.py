"""Compilation: copies and digests of a loss's code, and the cache of kernels on disk."""
