"""Dask arrays: the only folder that imports dask, at the first call that is given one."""
