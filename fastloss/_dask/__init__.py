"""The engine for Dask arrays. Only this folder imports dask, at the first call with a Dask array."""
