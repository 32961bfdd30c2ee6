"""What CPU and CUDA kernels share: the computation of one element, the sum, and which numbers are valid."""
