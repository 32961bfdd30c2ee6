"""Losses of the error that weight its two signs differently."""
