"""Benchmarks.

`throughput`, `overhead`, `memory` and `scaling` are the asv suite, on the calls that `points` names.
`regressions` compares two commits by some of them. `report` makes the README's figures: `comparison`
with the `peers`, `figures` (with `operands` and `adaptive`) and `pictures`. `gpu` is for a machine with
one. All of them time with `pairs`; `yardsticks` are what the memory allows.
"""
