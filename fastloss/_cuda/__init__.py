"""The engine for CUDA arrays. Only this folder imports numba.cuda."""
