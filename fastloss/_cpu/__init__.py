"""The engine for NumPy arrays."""
