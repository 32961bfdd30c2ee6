"""Benchmarks: everything here measures and prints, nothing asserts a time."""
