"""Benchmarks.

`throughput`, `overhead`, `memory` and `scaling` are the asv suite, for the calls in `points`. `regressions`
compares two commits at some of these points. `report` writes the figures of the README, from `comparison`,
`peers` and `pictures`, and the README of this folder, from `figures`. These figures are those of `ceilings`,
`small`, `layouts`, `family` and `adaptive`, with their `operands` and `goals`. `adapters`, `dask` and `files`
are run by themselves, and `gpu`, with `gpu_peers`, on a machine with a GPU. Most of them measure times with
`pairs`, and the loops in `yardsticks` are as fast as memory allows.
"""
