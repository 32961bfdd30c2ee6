"""Kernels made once: what a loss's code is made of, and what is kept on disk."""
