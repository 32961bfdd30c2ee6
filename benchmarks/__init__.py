"""Benchmarks.

`throughput`, `overhead`, `memory` and `scaling` are the asv suite, on the calls that `points` names.
`regressions` compares two commits by some of them. `report` makes the README's figures, by `comparison`
with the `peers` and `pictures`, and this folder's README of what `figures` gathers: `ceilings`, `small`,
`layouts` and `adaptive`, with their `operands` and `goals`. `gpu` is for a machine with one. All of them
time with `pairs`; `yardsticks` are what the memory allows.
"""
